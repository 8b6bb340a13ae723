// Owns ModifyVolume.

import { changeFor } from '../app/change.ts';
import { parseId, VOLUME } from '../app/resource-ids.ts';
import { modifyVolume as modify } from '../app/volume-modifications.ts';
import { parseVolumeType } from '../app/volume-shape.ts';
import { getVolume } from '../app/volumes.ts';
import type { Ec2Handler } from './handler.ts';
import { renderModification } from './render-modification.ts';

export const modifyVolume: Ec2Handler<'ModifyVolume'> = async (app, context, input) => {
  const id = parseId(VOLUME, input.VolumeId, 'VolumeId');
  const { VolumeType } = input;
  const wish = {
    sizeGib: input.Size,
    ...(VolumeType === undefined ? {} : { volumeType: parseVolumeType(VolumeType) }),
    ...(input.Iops === undefined ? {} : { iops: input.Iops }),
    ...(input.Throughput === undefined ? {} : { throughputMibps: input.Throughput }),
    multiAttach: input.MultiAttachEnabled,
    storage: await app.storage.getReport(),
  };
  return changeFor(app, context, async (change) => {
    const row = await modify(context, change, id, wish);
    const volume = await getVolume(change.tx, context, id);
    return { VolumeModification: renderModification({ row, volume }) };
  });
};
