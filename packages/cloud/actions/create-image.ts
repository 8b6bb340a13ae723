// Owns CreateImage: an image of an instance's volumes. Unless NoReboot is given the guest is shut down, the points in
// time are taken, and it is started again.

import { changeFor } from '../app/change.ts';
import { createImage as create } from '../app/image-making.ts';
import { notOffered } from '../app/refusals.ts';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { parseMappings } from './block-device-mappings.ts';
import type { Ec2Handler } from './handler.ts';
import { checkImageName } from './register-image.ts';

export const createImage: Ec2Handler<'CreateImage'> = async (app, context, input) => {
  if (input.SnapshotLocation === 'local') throw notOffered('A local snapshot');
  checkImageName(input.Name);
  const tags = parseTagSpecifications(input.TagSpecifications, ['image', 'snapshot']);
  const wish = {
    instanceId: parseId(INSTANCE, input.InstanceId, 'InstanceId'),
    name: input.Name,
    description: input.Description ?? '',
    noReboot: input.NoReboot === true,
    wishes: parseMappings(input.BlockDeviceMappings),
    imageTags: tags.image,
    snapshotTags: tags.snapshot,
  };
  const ImageId = await changeFor(app, context, (change) => create(app, context, change, wish));
  return { ImageId };
};
