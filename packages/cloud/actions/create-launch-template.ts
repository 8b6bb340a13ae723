// Owns CreateLaunchTemplate.

import type { RequestLaunchTemplateData } from '@aws-sdk/client-ec2';
import type { LaunchTemplateId } from '@ironbark/core/ids.ts';
import { changeFor } from '../app/change.ts';
import { makeOnce } from '../app/client-tokens.ts';
import {
  addTemplate,
  checkTemplateName,
  checkVersionDescription,
  getTemplate,
} from '../app/launch-templates.ts';
import { refuse, refuseParameters } from '../app/refusals.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTemplate } from './render-launch-template.ts';

export const createLaunchTemplate: Ec2Handler<'CreateLaunchTemplate'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, ['Operator']);
  const { 'launch-template': tags } = parseTagSpecifications(input.TagSpecifications, [
    'launch-template',
  ]);
  const wanted = {
    name: checkTemplateName(input.LaunchTemplateName),
    data: writeTemplateData(input.LaunchTemplateData),
    description: checkVersionDescription(input.VersionDescription),
    createdBy: context.principal.arn,
    tags,
  };
  const call = { action: 'CreateLaunchTemplate', token: input.ClientToken, parameters: input };
  const template = await changeFor(app, context, async (change) => {
    const [LaunchTemplateId] = await makeOnce<LaunchTemplateId>(change, context, call, async () => [
      await addTemplate(app, context, change, wanted),
    ]);
    return getTemplate(change.tx, context.accountId, { LaunchTemplateId });
  });
  return { LaunchTemplate: renderTemplate(template, tags) };
};

/** A launch checks what the data says; here it has to say something, and nothing of the cloud's own. */
export function writeTemplateData(data: RequestLaunchTemplateData): string {
  refuseParameters(data, ['Operator']);
  if (Object.keys(data).length > 0) return JSON.stringify(data);
  throw refuse(
    'missing-parameter',
    'request',
    'The request must contain the parameter LaunchTemplateData',
  );
}
