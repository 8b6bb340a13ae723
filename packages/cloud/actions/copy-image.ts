// Owns CopyImage, within the one region that there is.

import type { ImageId } from '@ironbark/core/ids.ts';
import { changeFor } from '../app/change.ts';
import { makeOnce } from '../app/client-tokens.ts';
import { copyImage as copy } from '../app/image-copies.ts';
import { invalidValue, refuseParameters } from '../app/refusals.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { checkImageName } from './register-image.ts';

const NOT_OFFERED = [
  'DestinationOutpostArn',
  'DestinationAvailabilityZone',
  'DestinationAvailabilityZoneId',
  'SnapshotCopyCompletionDurationMinutes',
];

export const copyImage: Ec2Handler<'CopyImage'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  if (input.SourceRegion !== app.region) {
    const region = input.SourceRegion!.slice(0, 64);
    throw invalidValue('SourceRegion', region, `This cloud has one region, ${app.region}.`);
  }
  checkImageName(input.Name!);
  const tags = parseTagSpecifications(input.TagSpecifications, ['image', 'snapshot']);
  const wish = {
    source: parseId(IMAGE, input.SourceImageId, 'SourceImageId'),
    name: input.Name!,
    description: input.Description,
    encrypted: input.Encrypted,
    kmsKeyId: input.KmsKeyId,
    copiesTags: input.CopyImageTags === true,
    imageTags: tags.image,
    snapshotTags: tags.snapshot,
  };
  const call = { action: 'CopyImage', token: input.ClientToken, parameters: input };
  const [ImageId] = await changeFor(app, context, (change) =>
    makeOnce<ImageId>(change, context, call, async () => [await copy(app, context, change, wish)]),
  );
  return { ImageId };
};
