// Owns RebootInstances.

import { changeFor } from '../app/change.ts';
import { rebootInstances as reboot } from '../app/instances.ts';
import { INSTANCE, requireIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const rebootInstances: Ec2Handler<'RebootInstances'> = async (app, context, input) => {
  const ids = requireIds(INSTANCE, input.InstanceIds, 'InstanceId');
  await changeFor(app, context, (change) => reboot(context, change, ids));
  return {};
};
