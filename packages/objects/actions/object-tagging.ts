// Owns GetObjectTagging, PutObjectTagging and DeleteObjectTagging.

import { MAX_OBJECT_TAGS, parseTagging, renderTagging } from '@ironbark/protocol/s3/tagging.ts';
import { toTagColumn } from '../app/object-version.ts';
import { getObject } from '../app/objects.ts';
import { changeVersion } from '../app/version-changes.ts';
import {
  type BucketAction,
  readDocument,
  readVersionId,
  versionHeader,
  xmlResponse,
} from './action.ts';

export const getObjectTagging: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const object = await getObject(context, { bucket, key, versionId: readVersionId(request) });
  return xmlResponse(renderTagging(object.tags), versionHeader(bucket, object.versionId));
};

export const putObjectTagging: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const tags = parseTagging(await readDocument(request), MAX_OBJECT_TAGS);
  const name = { bucket, key, versionId: readVersionId(request) };
  const object = await changeVersion(context, name, () => ({ tags: toTagColumn(tags) }));
  return { status: 200, headers: versionHeader(bucket, object.versionId) };
};

export const deleteObjectTagging: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const name = { bucket, key, versionId: readVersionId(request) };
  const object = await changeVersion(context, name, () => ({ tags: null }));
  return { status: 204, headers: versionHeader(bucket, object.versionId) };
};
