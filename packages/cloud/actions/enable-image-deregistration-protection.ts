// Owns EnableImageDeregistrationProtection: it cannot be deregistered until its owner ends that.

import { changeFor } from '../app/change.ts';
import { enableProtection } from '../app/image-protection.ts';
import { getImage } from '../app/images.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { updateImage } from '../store/images.ts';
import type { Ec2Handler } from './handler.ts';

export const enableImageDeregistrationProtection: Ec2Handler<
  'EnableImageDeregistrationProtection'
> = async (app, context, input) => {
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  const withCooldown = input.WithCooldown === true;
  await changeFor(app, context, async ({ tx, nowMs }) => {
    const image = await getImage(tx, context.accountId, id);
    await updateImage(tx, id, enableProtection(image, { withCooldown, nowMs }));
  });
  return { Return: 'true' };
};
