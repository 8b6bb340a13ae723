// Owns DeleteObject.

import { deleteObject as remove } from '../app/objects.ts';
import { type BucketAction, NO_CONTENT, requireNullVersion } from './action.ts';

export const deleteObject: BucketAction = async (context, request) => {
  requireNullVersion(request.query.get('versionId'));
  await remove(context, {
    bucket: request.bucket,
    key: request.key,
    conditions: { ifMatch: request.header('if-match') },
  });
  return NO_CONTENT;
};
