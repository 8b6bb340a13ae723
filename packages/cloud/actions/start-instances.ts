// Owns StartInstances.

import { changeFor } from '../app/change.ts';
import { startInstances as start } from '../app/instances.ts';
import { refuseParameters } from '../app/refusals.ts';
import { INSTANCE, requireIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderStateChange } from './render-instance.ts';

export const startInstances: Ec2Handler<'StartInstances'> = async (app, context, input) => {
  refuseParameters(input, ['AdditionalInfo']);
  const ids = requireIds(INSTANCE, input.InstanceIds, 'InstanceId');
  const changes = await changeFor(app, context, (change) => start(app, context, change, ids));
  return { StartingInstances: changes.map(renderStateChange) };
};
