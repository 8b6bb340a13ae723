// Owns GetObjectAcl and PutObjectAcl.

import { parseAccessControlPolicy, renderAcl } from '@ironbark/protocol/s3/acl.ts';
import {
  objectGrants,
  objectOwner,
  readAclHeaders,
  requireAcls,
  requireNotBlocked,
} from '../app/acl.ts';
import { getObject } from '../app/objects.ts';
import { changeVersion } from '../app/version-changes.ts';
import { requireSameOwner } from './acl-document.ts';
import {
  type BucketAction,
  readDocument,
  readVersionId,
  versionHeader,
  xmlResponse,
} from './action.ts';

export const getObjectAcl: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const object = await getObject(context, { bucket, key, versionId: readVersionId(request) });
  const grants = objectGrants(bucket, object);
  return xmlResponse(
    renderAcl({ ownerId: objectOwner(bucket, object), grants }),
    versionHeader(bucket, object.versionId),
  );
};

export const putObjectAcl: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const body = await readDocument(request);
  requireAcls(context, bucket);
  const name = { bucket, key, versionId: readVersionId(request) };
  const changed = await changeVersion(context, name, (object) => {
    const owners = { ownerId: objectOwner(bucket, object), bucketOwnerId: bucket.account_id };
    const grants =
      readAclHeaders(request, owners) ??
      requireSameOwner(parseAccessControlPolicy(body), owners.ownerId);
    requireNotBlocked(bucket, grants);
    return { acl: JSON.stringify(grants) };
  });
  return { status: 200, headers: versionHeader(bucket, changed.versionId) };
};
