// Owns ModifyImageAttribute: an image's description, and who else may launch it.

import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { changeFor } from '../app/change.ts';
import { changeImageGrantees } from '../app/image-access.ts';
import { getImage } from '../app/images.ts';
import {
  invalidCombination,
  missingParameter,
  notOffered,
  refuse,
  refuseParameters,
} from '../app/refusals.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import type { PermissionChange } from '../app/snapshot-access.ts';
import { updateImage } from '../store/images.ts';
import type { Ec2Handler } from './handler.ts';
import { parsePermissions } from './parse-grantees.ts';

type Input = Ec2Input<'ModifyImageAttribute'>;

/** API reference of ModifyImageAttribute: what else may be changed, and what of an image's attributes may not. */
const NOT_OFFERED_ATTRIBUTES = new Set(['productCodes', 'imdsSupport']);
const UNCHANGEABLE = new Set(['blockDeviceMapping', 'bootMode', 'kernel', 'ramdisk', 'uefiData']);

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
  if (name === undefined) throw invalidCombination('No attributes specified.');
  if (other !== undefined) {
    throw invalidCombination('Give one attribute at a time: Description or LaunchPermission.');
  }
  if (name === 'description') {
    const description = Description?.Value ?? Value;
    if (description === undefined) throw missingParameter('Value');
    return { description };
  }
  if (name === 'launchPermission') {
    if (hasPermissions(input)) return { permissions: parseLaunchPermissions(input) };
    throw invalidCombination('Give LaunchPermission, or OperationType with UserIds or UserGroups.');
  }
  if (UNCHANGEABLE.has(name)) {
    const message = `The attribute ${name} of an image cannot be changed.`;
    throw refuse('invalid-parameter', 'image-attribute', message);
  }
  if (NOT_OFFERED_ATTRIBUTES.has(name)) throw notOffered(`Modifying the image attribute '${name}'`);
  throw invalidCombination(`No attributes specified: there is no '${name.slice(0, 64)}'.`);
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
