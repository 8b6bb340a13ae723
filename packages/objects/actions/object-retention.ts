// Owns GetObjectRetention and PutObjectRetention.

import { ServiceError } from '@ironbark/core/errors.ts';
import { parseRetention, renderRetention } from '@ironbark/protocol/s3/object-lock.ts';
import { notSet } from '../app/bucket-settings.ts';
import { requireLockEnabled, requireRetentionChange } from '../app/object-lock.ts';
import { toLockColumns } from '../app/object-version.ts';
import { getObject } from '../app/objects.ts';
import { changeVersion } from '../app/version-changes.ts';
import { type BucketAction, readDocument, readVersionId, xmlResponse } from './action.ts';
import { bypassesGovernance } from './governance.ts';

export const getObjectRetention: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  requireLockEnabled(bucket);
  const { lock } = await getObject(context, { bucket, key, versionId: readVersionId(request) });
  if (lock.retention === undefined) throw notSet(bucket.name, 'retention');
  return xmlResponse(renderRetention(lock.retention));
};

export const putObjectRetention: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  requireLockEnabled(bucket);
  const retention = parseRetention(await readDocument(request));
  const nowMs = context.clock.nowMs();
  if (retention !== undefined && retention.untilMs <= nowMs) throw inThePast();
  const bypass = await bypassesGovernance(context, request, key);
  const name = { bucket, key, versionId: readVersionId(request) };
  await changeVersion(context, name, ({ lock }) => {
    requireRetentionChange(lock.retention, retention, { nowMs, bypassesGovernance: bypass });
    return toLockColumns({ ...lock, retention });
  });
  return { status: 200 };
};

function inThePast(): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'request',
    message: 'The retain until date must be in the future!',
  });
}
