// Owns StopInstances.

import { changeFor } from '../app/change.ts';
import { stopInstances as stop } from '../app/instances.ts';
import { notOffered } from '../app/refusals.ts';
import { INSTANCE, requireIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderStateChange } from './render-instance.ts';

export const stopInstances: Ec2Handler<'StopInstances'> = async (app, context, input) => {
  if (input.Hibernate === true) throw notOffered('Hibernation');
  const request = {
    ids: requireIds(INSTANCE, input.InstanceIds, 'InstanceId'),
    force: input.Force === true,
  };
  const changes = await changeFor(app, context, (change) => stop(context, change, request));
  return { StoppingInstances: changes.map(renderStateChange) };
};
