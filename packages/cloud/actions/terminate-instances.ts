// Owns TerminateInstances.

import { changeFor } from '../app/change.ts';
import { terminateInstances as terminate } from '../app/instances.ts';
import { INSTANCE, requireIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderStateChange } from './render-instance.ts';

export const terminateInstances: Ec2Handler<'TerminateInstances'> = async (app, context, input) => {
  const ids = requireIds(INSTANCE, input.InstanceIds, 'InstanceId');
  const changes = await changeFor(app, context, (change) => terminate(context, change, ids));
  return { TerminatingInstances: changes.map(renderStateChange) };
};
