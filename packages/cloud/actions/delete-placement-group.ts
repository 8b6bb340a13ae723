// Owns DeletePlacementGroup.

import { changeFor } from '../app/change.ts';
import { checkGroupName, removePlacementGroup } from '../app/placement-groups.ts';
import type { Ec2Handler } from './handler.ts';

export const deletePlacementGroup: Ec2Handler<'DeletePlacementGroup'> = async (
  app,
  context,
  input,
) => {
  const name = checkGroupName(input.GroupName);
  await changeFor(app, context, (change) => removePlacementGroup(context, change, name));
  return {};
};
