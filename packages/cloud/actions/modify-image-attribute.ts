// Owns ModifyImageAttribute: an image's description, and who else may launch it.

import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { changeFor } from '../app/change.ts';
import { changeImageGrantees } from '../app/image-access.ts';
import { getImage } from '../app/images.ts';
import {
  invalidCombination,
  missingParameter,
  notOffered,
  refuseParameters,
} from '../app/refusals.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import type { PermissionChange } from '../app/snapshot-access.ts';
import { updateImage } from '../store/images.ts';
import type { Ec2Handler } from './handler.ts';
import { parsePermissions } from './parse-grantees.ts';

type Input = Ec2Input<'ModifyImageAttribute'>;

const NOT_OFFERED = ['ProductCodes', 'OrganizationArns', 'OrganizationalUnitArns', 'ImdsSupport'];

export const modifyImageAttribute: Ec2Handler<'ModifyImageAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  refuseParameters(input, NOT_OFFERED);
  const { description, permissions } = parseModification(input);
  await changeFor(app, context, async ({ tx }) => {
    const image = await getImage(tx, context.accountId, id);
    if (description !== undefined) await updateImage(tx, id, { description });
    if (permissions !== undefined) await changeImageGrantees(tx, image, permissions);
  });
  return {};
};

/** "You can specify only one attribute at a time": API reference of ModifyImageAttribute. */
function parseModification(input: Input): {
  description?: string;
  permissions?: PermissionChange;
} {
  const { Attribute, Value, Description } = input;
  const names = [Attribute ?? [], Description === undefined ? [] : 'description'].flat();
  if (hasPermissions(input)) names.push('launchPermission');
  const [name, other] = [...new Set(names)];
  if (name === undefined) throw missingParameter('Attribute');
  if (other !== undefined) {
    throw invalidCombination('Give one attribute at a time: Description or LaunchPermission.');
  }
  if (name === 'description') {
    const description = Description?.Value ?? Value;
    if (description === undefined) throw missingParameter('Value');
    return { description };
  }
  if (name === 'launchPermission') return { permissions: parseLaunchPermissions(input) };
  throw notOffered(`Modifying the image attribute '${name.slice(0, 64)}'`);
}

function hasPermissions({ LaunchPermission, OperationType, UserIds, UserGroups }: Input): boolean {
  return [LaunchPermission, OperationType, UserIds, UserGroups].some((one) => one !== undefined);
}

function parseLaunchPermissions(input: Input): PermissionChange {
  const { LaunchPermission: lists } = input;
  for (const permission of [...(lists?.Add ?? []), ...(lists?.Remove ?? [])]) {
    refuseParameters(permission, ['OrganizationArn', 'OrganizationalUnitArn']);
  }
  return parsePermissions({
    name: 'LaunchPermission',
    lists,
    operation: input.OperationType,
    userIds: input.UserIds ?? [],
    groups: input.UserGroups ?? [],
  });
}
