// Owns DescribeImageAttribute.

import type { Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { viewProtection } from '../app/image-protection.ts';
import { getImage } from '../app/images.ts';
import { notOffered } from '../app/refusals.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { listImageGrantees } from '../store/image-permissions.ts';
import type { ImageRow } from '../store/image-schema.ts';
import { EVERYBODY, type Grantee } from '../store/snapshot-permissions.ts';
import { renderMappings } from './block-device-mappings.ts';
import type { Ec2Handler } from './handler.ts';

type Output = Ec2Output<'DescribeImageAttribute'>;

type Render = (
  image: ImageRow,
  shown: { grantees: readonly Grantee[]; nowMs: number },
) => Partial<Output>;

const ATTRIBUTES: Readonly<Record<string, Render>> = {
  description: (image) => ({ Description: { Value: image.description } }),
  deregistrationProtection: (image, { nowMs }) => ({
    DeregistrationProtection: { Value: viewProtection(image, nowMs) },
  }),
  launchPermission: (_image, { grantees }) => ({
    LaunchPermissions: grantees.map((grantee) =>
      grantee === EVERYBODY ? { Group: 'all' as const } : { UserId: grantee },
    ),
  }),
  sriovNetSupport: ({ sriovNetSupport }) => ({
    SriovNetSupport: sriovNetSupport === null ? {} : { Value: sriovNetSupport },
  }),
  kernel: () => ({}),
  ramdisk: () => ({}),
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
  const grantees = await listImageGrantees(app.store.query, id);
  return { ImageId: id, ...render(image, { grantees, nowMs: app.clock.nowMs() }) };
};
