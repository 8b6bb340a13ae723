// Owns ResetImageAttribute: an image is its owner's alone again.

import { changeFor } from '../app/change.ts';
import { getImage } from '../app/images.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { removeImageGrantees } from '../store/image-permissions.ts';
import type { Ec2Handler } from './handler.ts';

/** The model has one attribute that can be reset: `launchPermission`. */
export const resetImageAttribute: Ec2Handler<'ResetImageAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  await changeFor(app, context, async ({ tx }) => {
    await getImage(tx, context.accountId, id);
    await removeImageGrantees(tx, id);
  });
  return {};
};
