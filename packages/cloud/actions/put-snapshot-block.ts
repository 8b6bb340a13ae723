// Owns PutSnapshotBlock: one block of a snapshot that is being written, with its checksum.

import { createHash } from 'node:crypto';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { EbsRequest } from '@ironbark/protocol/ebs/operations.ts';
import { SNAPSHOT_BLOCK_BYTES } from '@ironbark/protocol/internal/snapshot-reader.ts';
import { change } from '../app/change.ts';
import { countBlocks, readBlockIndex, refuseBlocks } from '../app/snapshot-blocks.ts';
import { getWritable, getWriter, putOffExpiry, tellStorage } from '../app/written-snapshots.ts';
import type { EbsHandler } from './ebs-handler.ts';

const ALGORITHM = 'SHA256';
const MAX_PROGRESS = 100;

export const putSnapshotBlock: EbsHandler = async (app, context, request) => {
  const row = await getWritable(app.store.query, context, request.snapshotId);
  const index = readBlockIndex(request.blockIndex, { blocks: countBlocks(row) });
  const checksum = checkBlock(request);
  const writer = getWriter(app);
  try {
    await writer.writeBlock(row.id, index, request.body);
  } catch (error) {
    // It has not heard of the snapshot yet, or lost it.
    if (!isServiceError(error, 'not-found')) throw error;
    await tellStorage(app, row);
    await writer.writeBlock(row.id, index, request.body);
  }
  await change(app, (inside) => putOffExpiry(inside, row));
  return {
    status: 201,
    json: {},
    headers: { 'x-amz-checksum': checksum, 'x-amz-checksum-algorithm': ALGORITHM },
  };
};

/** The bytes are what the caller said that they are. */
function checkBlock({ headers, body }: EbsRequest): string {
  const said = (name: string) => headers.get(`x-amz-${name}`);
  if (said('checksum-algorithm') !== ALGORITHM) {
    throw invalid(`The header x-amz-Checksum-Algorithm is ${ALGORITHM}.`);
  }
  const length = said('data-length');
  if (length !== String(SNAPSHOT_BLOCK_BYTES) || body.length !== SNAPSHOT_BLOCK_BYTES) {
    const message = `A block has ${SNAPSHOT_BLOCK_BYTES} bytes; here x-amz-Data-Length is ${length?.slice(0, 20)}, and ${body.length} bytes came.`;
    throw refuseBlocks('invalid-parameter', 'INVALID_BLOCK', message);
  }
  const progress = said('progress');
  if (progress !== undefined && !(/^\d{1,3}$/.test(progress) && Number(progress) <= MAX_PROGRESS)) {
    throw invalid(`The header x-amz-Progress is a whole number from 0 to ${MAX_PROGRESS}.`);
  }
  const checksum = createHash('sha256').update(body).digest('base64');
  if (said('checksum') === checksum) return checksum;
  throw invalid('The header x-amz-Checksum is not the SHA256 checksum of the block, in base64.');
}

function invalid(message: string): Error {
  return refuseBlocks('invalid-parameter', 'INVALID_PARAMETER_VALUE', message);
}
