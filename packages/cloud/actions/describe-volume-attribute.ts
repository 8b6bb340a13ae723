// Owns DescribeVolumeAttribute.

import { parseId, VOLUME } from '../app/resource-ids.ts';
import { getVolume } from '../app/volumes.ts';
import type { Ec2Handler } from './handler.ts';

export const describeVolumeAttribute: Ec2Handler<'DescribeVolumeAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(VOLUME, input.VolumeId, 'VolumeId');
  const volume = await getVolume(app.store.query, context, id);
  // There is no marketplace here, so nothing has a product code.
  if (input.Attribute === 'productCodes') return { VolumeId: id, ProductCodes: [] };
  return { VolumeId: id, AutoEnableIO: { Value: volume.autoEnableIo === 1 } };
};
