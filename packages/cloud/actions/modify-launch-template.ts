// Owns ModifyLaunchTemplate: which version a launch takes that names none.

import { changeFor } from '../app/change.ts';
import { getTemplate, getVersion } from '../app/launch-templates.ts';
import { missingParameter } from '../app/refusals.ts';
import { TagIndex } from '../app/tags.ts';
import { updateTemplate } from '../store/launch-templates.ts';
import { listTagsOf } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTemplate } from './render-launch-template.ts';

export const modifyLaunchTemplate: Ec2Handler<'ModifyLaunchTemplate'> = async (
  app,
  context,
  input,
) => {
  const { DefaultVersion } = input;
  if (DefaultVersion === undefined) throw missingParameter('SetDefaultVersion');
  const template = await changeFor(app, context, async ({ tx }) => {
    const found = await getTemplate(tx, context.accountId, input);
    const { version } = await getVersion(tx, found, DefaultVersion, notThere(DefaultVersion));
    await updateTemplate(tx, found.id, { defaultVersion: version });
    return { ...found, defaultVersion: version };
  });
  const tags = new TagIndex(await listTagsOf(app.store.query, template.id));
  return { LaunchTemplate: renderTemplate(template, tags.of(template.id)) };
};

/** EC2's own sentence. */
function notThere(version: string): string {
  return `The launch template version ${version} is not found for the specified launch template.`;
}
