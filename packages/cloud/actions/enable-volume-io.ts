// Owns EnableVolumeIO: a volume's I/O is never disabled here, so what is asked for is so already.

import { changeFor } from '../app/change.ts';
import { parseId, VOLUME } from '../app/resource-ids.ts';
import { getVolume } from '../app/volumes.ts';
import type { Ec2Handler } from './handler.ts';

export const enableVolumeIo: Ec2Handler<'EnableVolumeIO'> = async (app, context, input) => {
  const id = parseId(VOLUME, input.VolumeId, 'VolumeId');
  await changeFor(app, context, ({ tx }) => getVolume(tx, context, id));
  return {};
};
