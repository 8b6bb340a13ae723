// Owns ModifyVolumeAttribute.

import { changeFor } from '../app/change.ts';
import { missingParameter } from '../app/refusals.ts';
import { parseId, VOLUME } from '../app/resource-ids.ts';
import { getVolume } from '../app/volumes.ts';
import { toFlag } from '../store/schema.ts';
import { updateVolume } from '../store/volumes.ts';
import type { Ec2Handler } from './handler.ts';

export const modifyVolumeAttribute: Ec2Handler<'ModifyVolumeAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(VOLUME, input.VolumeId, 'VolumeId');
  const value = input.AutoEnableIO?.Value;
  if (value === undefined) throw missingParameter('AutoEnableIO.Value');
  await changeFor(app, context, async ({ tx }) => {
    await getVolume(tx, context, id);
    await updateVolume(tx, id, { autoEnableIo: toFlag(value) });
  });
  return {};
};
