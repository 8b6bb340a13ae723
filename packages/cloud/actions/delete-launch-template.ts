// Owns DeleteLaunchTemplate: with all its versions.

import { changeFor } from '../app/change.ts';
import { getTemplate, removeTemplate } from '../app/launch-templates.ts';
import { TagIndex } from '../app/tags.ts';
import { listTagsOf } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTemplate } from './render-launch-template.ts';

export const deleteLaunchTemplate: Ec2Handler<'DeleteLaunchTemplate'> = async (
  app,
  context,
  input,
) => {
  const LaunchTemplate = await changeFor(app, context, async (change) => {
    const template = await getTemplate(change.tx, context.accountId, input);
    const tags = new TagIndex(await listTagsOf(change.tx, template.id));
    await removeTemplate(change, template);
    return renderTemplate(template, tags.of(template.id));
  });
  return { LaunchTemplate };
};
