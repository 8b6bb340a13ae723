// Owns DeleteSecurityGroup.

import { changeFor } from '../app/change.ts';
import { removeGroup } from '../app/security-groups.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteSecurityGroup: Ec2Handler<'DeleteSecurityGroup'> = async (
  app,
  context,
  input,
) => {
  const row = await changeFor(app, context, (change) => removeGroup(context, change, input));
  return { Return: true, GroupId: row.id };
};
