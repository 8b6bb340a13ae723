// Owns GetPublicAccessBlock, PutPublicAccessBlock and DeletePublicAccessBlock.

import {
  type PublicAccessBlock,
  parsePublicAccessBlock,
  renderPublicAccessBlock,
} from '@ironbark/protocol/s3/ownership.ts';
import { getSetting, removeSetting, saveSetting } from '../app/bucket-settings.ts';
import { type BucketAction, NO_CONTENT, readDocument, xmlResponse } from './action.ts';

export const getPublicAccessBlock: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderPublicAccessBlock(getSetting<PublicAccessBlock>(bucket, 'publicAccessBlock')));

export const putPublicAccessBlock: BucketAction = async (context, request) => {
  const block = parsePublicAccessBlock(await readDocument(request));
  await saveSetting(context, request.bucket, 'publicAccessBlock', block);
  return { status: 200 };
};

export const deletePublicAccessBlock: BucketAction = async (context, { bucket }) => {
  await removeSetting(context, bucket, 'publicAccessBlock');
  return NO_CONTENT;
};
