// Owns ModifySnapshotAttribute: who else may make volumes from a snapshot.

import type { CreateVolumePermission } from '@aws-sdk/client-ec2';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { changeFor } from '../app/change.ts';
import { invalidCombination, invalidValue, missingParameter, notOffered } from '../app/refusals.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { changeGrantees, type PermissionChange, requireShareable } from '../app/snapshot-access.ts';
import { getOwnSnapshot } from '../app/snapshots.ts';
import { EVERYBODY, type Grantee } from '../store/snapshot-permissions.ts';
import type { Ec2Handler } from './handler.ts';

type Input = Ec2Input<'ModifySnapshotAttribute'>;

export const modifySnapshotAttribute: Ec2Handler<'ModifySnapshotAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(SNAPSHOT, input.SnapshotId, 'SnapshotId');
  if (input.Attribute === 'productCodes') throw notOffered('A product code');
  const wanted = parseChange(input);
  await changeFor(app, context, async ({ tx }) => {
    requireShareable(await getOwnSnapshot(tx, context, id), wanted);
    await changeGrantees(tx, id, wanted);
  });
  return {};
};

/** AWS has two forms: lists to add and to remove, or one operation on ids and groups. */
function parseChange(input: Input): PermissionChange {
  const { CreateVolumePermission: lists, OperationType, UserIds = [], GroupNames = [] } = input;
  const named = [...UserIds.map(parseAccount), ...GroupNames.map(parseGroup)];
  if (lists !== undefined) {
    if (named.length > 0 || OperationType !== undefined) {
      throw invalidCombination(
        'Give CreateVolumePermission, or OperationType with UserIds and GroupNames.',
      );
    }
    return { add: parseList(lists.Add), remove: parseList(lists.Remove) };
  }
  if (OperationType === undefined) throw missingParameter('CreateVolumePermission');
  if (named.length === 0) throw missingParameter('UserId/UserGroup');
  return OperationType === 'add' ? { add: named, remove: [] } : { add: [], remove: named };
}

function parseList(permissions: readonly CreateVolumePermission[] | undefined): Grantee[] {
  return (permissions ?? []).map(({ UserId, Group }) => {
    if ((UserId === undefined) === (Group === undefined)) {
      throw invalidCombination('A permission has a UserId or a Group.');
    }
    return UserId === undefined ? parseGroup(Group!) : parseAccount(UserId);
  });
}

function parseAccount(text: string): Grantee {
  if (/^\d{12}$/.test(text)) return text;
  throw invalidValue('UserId', text.slice(0, 64), 'An account has twelve digits.');
}

function parseGroup(text: string): Grantee {
  if (text === EVERYBODY) return EVERYBODY;
  throw invalidValue('Group', text.slice(0, 64), `The only group is '${EVERYBODY}'.`);
}
