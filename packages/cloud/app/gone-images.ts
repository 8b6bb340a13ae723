// Owns what is said of images that are not there: those that their owner has deregistered are told from ids that never were.

import type { ServiceError } from '@ironbark/core/errors.ts';
import type { AccountId, ImageId } from '@ironbark/core/ids.ts';
import { findGoneImages } from '../store/images.ts';
import type { Queries } from '../store/store.ts';
import { notFound, refuse } from './refusals.ts';

/** "The specified AMI has been deregistered and is no longer available": EC2 API Reference, "Error codes". */
export async function noImage(
  db: Queries,
  accountId: AccountId,
  ids: readonly ImageId[],
): Promise<ServiceError> {
  const [gone] = await findGoneImages(db, accountId, ids);
  if (gone === undefined) return notFound('image', 'image id', ids);
  return refuse('incorrect-state', 'image', `The image ID '${gone}' is no longer available`);
}
