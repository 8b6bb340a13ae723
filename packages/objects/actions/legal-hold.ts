// Owns GetObjectLegalHold and PutObjectLegalHold.

import { parseLegalHold, renderLegalHold } from '@ironbark/protocol/s3/object-lock.ts';
import { requireLockEnabled } from '../app/object-lock.ts';
import { toLockColumns } from '../app/object-version.ts';
import { getObject } from '../app/objects.ts';
import { changeVersion } from '../app/version-changes.ts';
import { type BucketAction, readDocument, readVersionId, xmlResponse } from './action.ts';

export const getObjectLegalHold: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  requireLockEnabled(bucket);
  const { lock } = await getObject(context, { bucket, key, versionId: readVersionId(request) });
  return xmlResponse(renderLegalHold(lock.hasLegalHold));
};

export const putObjectLegalHold: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  requireLockEnabled(bucket);
  const hasLegalHold = parseLegalHold(await readDocument(request));
  const name = { bucket, key, versionId: readVersionId(request) };
  await changeVersion(context, name, ({ lock }) => toLockColumns({ ...lock, hasLegalHold }));
  return { status: 200 };
};
