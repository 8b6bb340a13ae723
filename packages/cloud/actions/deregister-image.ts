// Owns DeregisterImage: running instances keep their own copy of what the image is.

import { changeFor } from '../app/change.ts';
import { getImage } from '../app/images.ts';
import { notOffered } from '../app/refusals.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { deleteImage } from '../store/images.ts';
import { deleteTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';

export const deregisterImage: Ec2Handler<'DeregisterImage'> = async (app, context, input) => {
  if (input.DeleteAssociatedSnapshots === true) {
    throw notOffered(
      'DeleteAssociatedSnapshots',
      'Images here are made of objects, not snapshots.',
    );
  }
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  await changeFor(app, context, async ({ tx }) => {
    await getImage(tx, context.accountId, id);
    await deleteImage(tx, id);
    await deleteTags(tx, id);
  });
  return { Return: true };
};
