// Owns DisableImageDeregistrationProtection: the image can be deregistered, with a cooldown a day later.

import { changeFor } from '../app/change.ts';
import { disableProtection } from '../app/image-protection.ts';
import { getImage } from '../app/images.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { updateImage } from '../store/images.ts';
import type { Ec2Handler } from './handler.ts';

export const disableImageDeregistrationProtection: Ec2Handler<
  'DisableImageDeregistrationProtection'
> = async (app, context, input) => {
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  await changeFor(app, context, async ({ tx, nowMs }) => {
    const image = await getImage(tx, context.accountId, id);
    await updateImage(tx, id, disableProtection(image, nowMs));
  });
  return { Return: 'true' };
};
