// Owns DisableImageDeprecation.

import { changeFor } from '../app/change.ts';
import { getImage } from '../app/images.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { updateImage } from '../store/images.ts';
import type { Ec2Handler } from './handler.ts';

export const disableImageDeprecation: Ec2Handler<'DisableImageDeprecation'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  await changeFor(app, context, async ({ tx }) => {
    await getImage(tx, context.accountId, id);
    await updateImage(tx, id, { deprecatedAt: null });
  });
  return { Return: true };
};
