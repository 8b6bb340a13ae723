// Owns GetBucketWebsite, PutBucketWebsite and DeleteBucketWebsite.

import { parseWebsite, renderWebsite, type Website } from '@ironbark/protocol/s3/website.ts';
import { getSetting, removeSetting, saveSetting } from '../app/bucket-settings.ts';
import { type BucketAction, NO_CONTENT, readDocument, xmlResponse } from './action.ts';

export const getBucketWebsite: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderWebsite(getSetting<Website>(bucket, 'website')));

export const putBucketWebsite: BucketAction = async (context, request) => {
  const website = parseWebsite(await readDocument(request));
  await saveSetting(context, request.bucket, 'website', website);
  return { status: 200 };
};

export const deleteBucketWebsite: BucketAction = async (context, { bucket }) => {
  await removeSetting(context, bucket, 'website');
  return NO_CONTENT;
};
