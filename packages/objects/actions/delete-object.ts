// Owns DeleteObject.

import { deleteObject as remove } from '../app/objects.ts';
import { type BucketAction, readVersionId } from './action.ts';
import { bypassesGovernance } from './governance.ts';

export const deleteObject: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const { versionId, isDeleteMarker } = await remove(context, {
    ...{ bucket, key },
    versionId: readVersionId(request),
    conditions: { ifMatch: request.header('if-match') },
    bypassesGovernance: await bypassesGovernance(context, request, key),
  });
  return {
    status: 204,
    headers: {
      ...(versionId === undefined ? {} : { 'x-amz-version-id': versionId }),
      ...(isDeleteMarker ? { 'x-amz-delete-marker': 'true' } : {}),
    },
  };
};
