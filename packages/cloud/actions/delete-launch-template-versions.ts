// Owns DeleteLaunchTemplateVersions: each version by itself, and for each that stays a word on why.

import type {
  DeleteLaunchTemplateVersionsResponseErrorItem,
  DeleteLaunchTemplateVersionsResponseSuccessItem,
} from '@aws-sdk/client-ec2';
import { changeFor } from '../app/change.ts';
import { getTemplate, parseVersionNumber } from '../app/launch-templates.ts';
import { invalidValue, missingParameter } from '../app/refusals.ts';
import type { LaunchTemplateRow } from '../store/launch-template-schema.ts';
import { deleteVersion, findVersion } from '../store/launch-templates.ts';
import type { Queries } from '../store/store.ts';
import type { Ec2Handler } from './handler.ts';

type Success = DeleteLaunchTemplateVersionsResponseSuccessItem;
type Failure = DeleteLaunchTemplateVersionsResponseErrorItem;

/** "You can specify up to 200 launch template version numbers": API reference. */
const MAX_VERSIONS = 200;

export const deleteLaunchTemplateVersions: Ec2Handler<'DeleteLaunchTemplateVersions'> = async (
  app,
  context,
  input,
) => {
  const versions = [...new Set((input.Versions ?? []).map(parseVersionNumber))];
  if (versions.length === 0) throw missingParameter('LaunchTemplateVersion');
  if (versions.length > MAX_VERSIONS) {
    throw invalidValue('LaunchTemplateVersion', versions.length, `At most ${MAX_VERSIONS} fit.`);
  }
  return changeFor(app, context, async ({ tx }) => {
    const template = await getTemplate(tx, context.accountId, input);
    const deleted: Success[] = [];
    const kept: Failure[] = [];
    for (const version of versions) {
      const error = await tryDelete(tx, template, version);
      const item = {
        LaunchTemplateId: template.id,
        LaunchTemplateName: template.name,
        VersionNumber: version,
      };
      if (error === undefined) deleted.push(item);
      else kept.push({ ...item, ResponseError: error });
    }
    return {
      SuccessfullyDeletedLaunchTemplateVersions: deleted,
      UnsuccessfullyDeletedLaunchTemplateVersions: kept,
    };
  });
};

async function tryDelete(
  tx: Queries,
  template: LaunchTemplateRow,
  version: number,
): Promise<NonNullable<Failure['ResponseError']> | undefined> {
  if ((await findVersion(tx, template.id, version)) === undefined) {
    return {
      Code: 'launchTemplateVersionDoesNotExist',
      Message: `There is no version ${version}.`,
    };
  }
  if (version === template.defaultVersion) {
    return { Code: 'unexpectedError', Message: 'The default version cannot be deleted.' };
  }
  await deleteVersion(tx, template.id, version);
  return undefined;
}
