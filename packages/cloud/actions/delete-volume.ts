// Owns DeleteVolume.

import { changeFor } from '../app/change.ts';
import { parseId, VOLUME } from '../app/resource-ids.ts';
import { removeVolume } from '../app/volumes.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteVolume: Ec2Handler<'DeleteVolume'> = async (app, context, input) => {
  const id = parseId(VOLUME, input.VolumeId, 'VolumeId');
  await changeFor(app, context, (change) => removeVolume(context, change, id));
  return {};
};
