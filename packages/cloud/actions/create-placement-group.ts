// Owns CreatePlacementGroup: a node is the unit by which instances are near to or apart from each other.

import { changeFor } from '../app/change.ts';
import { addPlacementGroup, checkGroupName } from '../app/placement-groups.ts';
import { notOffered, refuseParameters } from '../app/refusals.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderPlacementGroup } from './render-placement-group.ts';

const NOT_OFFERED = ['PartitionCount', 'LinkedGroupId', 'ParentGroupId', 'Operator'];

export const createPlacementGroup: Ec2Handler<'CreatePlacementGroup'> = async (
  app,
  context,
  input,
) => {
  const { Strategy = 'cluster' } = input;
  // Nothing here says which nodes share a rack or a power supply.
  if (Strategy !== 'cluster' && Strategy !== 'spread') {
    throw notOffered(`The placement strategy '${Strategy}'`, "It is 'cluster' or 'spread'.");
  }
  refuseParameters(input, NOT_OFFERED);
  if (input.SpreadLevel === 'rack') {
    throw notOffered("The spread level 'rack'", "Instances are spread over nodes: 'host'.");
  }
  if (input.SpreadLevel !== undefined && Strategy === 'cluster') {
    refuseParameters(input, ['SpreadLevel'], 'It is for spread placement groups.');
  }
  const name = checkGroupName(input.GroupName);
  const { 'placement-group': tags } = parseTagSpecifications(input.TagSpecifications, [
    'placement-group',
  ]);
  const row = await changeFor(app, context, (change) =>
    addPlacementGroup(app, context, change, { name, strategy: Strategy, tags }),
  );
  return { PlacementGroup: renderPlacementGroup(row, tags, app.region) };
};
