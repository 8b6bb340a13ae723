// Owns DescribeImageAttribute.

import type { Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { getImage } from '../app/images.ts';
import { notOffered } from '../app/refusals.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import type { ImageRow } from '../store/image-schema.ts';
import { renderMappings } from './block-device-mappings.ts';
import type { Ec2Handler } from './handler.ts';

type Output = Ec2Output<'DescribeImageAttribute'>;

const ATTRIBUTES: Readonly<Record<string, (image: ImageRow) => Partial<Output>>> = {
  description: (image) => ({ Description: { Value: image.description } }),
  launchPermission: () => ({ LaunchPermissions: [] }),
  productCodes: () => ({ ProductCodes: [] }),
  blockDeviceMapping: (image) => ({ BlockDeviceMappings: renderMappings(image) }),
};

export const describeImageAttribute: Ec2Handler<'DescribeImageAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  const image = await getImage(app.store.query, context.accountId, id);
  const render = ATTRIBUTES[input.Attribute];
  if (render === undefined) throw notOffered(`The image attribute '${input.Attribute}'`);
  return { ImageId: id, ...render(image) };
};
