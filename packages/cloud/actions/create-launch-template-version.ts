// Owns CreateLaunchTemplateVersion: new data, over that of a source version where one is named.

import { changeFor } from '../app/change.ts';
import { makeOnce } from '../app/client-tokens.ts';
import {
  addVersion,
  checkVersionDescription,
  getTemplate,
  getVersion,
} from '../app/launch-templates.ts';
import { refuseParameters } from '../app/refusals.ts';
import { writeTemplateData } from './create-launch-template.ts';
import type { Ec2Handler } from './handler.ts';
import { readTemplateData, renderVersion } from './render-launch-template.ts';

export const createLaunchTemplateVersion: Ec2Handler<'CreateLaunchTemplateVersion'> = async (
  app,
  context,
  input,
) => {
  if (input.ResolveAlias === true) refuseParameters(input, ['ResolveAlias']);
  const description = checkVersionDescription(input.VersionDescription);
  const createdBy = context.principal.arn;
  const { ClientToken: token, SourceVersion } = input;
  const call = { action: 'CreateLaunchTemplateVersion', token, parameters: input };
  return changeFor(app, context, async (change) => {
    const template = await getTemplate(change.tx, context.accountId, input);
    const [version] = await makeOnce(change, context, call, async () => {
      const source =
        SourceVersion === undefined
          ? {}
          : readTemplateData(await getVersion(change.tx, template, SourceVersion));
      // "If you specify a parameter in the request, it overrides the one of the source version".
      const data = writeTemplateData({ ...source, ...input.LaunchTemplateData });
      const row = await addVersion(change, template, { data, description, createdBy });
      return [String(row.version)];
    });
    const row = await getVersion(change.tx, template, version!);
    return { LaunchTemplateVersion: renderVersion(template, row) };
  });
};
