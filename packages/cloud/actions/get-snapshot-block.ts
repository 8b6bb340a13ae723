// Owns GetSnapshotBlock: one block's bytes, with their checksum.

import { createHash } from 'node:crypto';
import { BlockTokens } from '../app/block-tokens.ts';
import {
  blockSubject,
  getReadable,
  getReader,
  readBlockIndex,
  requireToken,
} from '../app/snapshot-blocks.ts';
import type { EbsHandler } from './ebs-handler.ts';

export const getSnapshotBlock: EbsHandler = async (app, context, request) => {
  const snapshot = await getReadable(app, context, request.snapshotId);
  const blockIndex = readBlockIndex(request.blockIndex, snapshot);
  const token = request.query.get('blockToken');
  const tokens = await BlockTokens.open(app);
  requireToken(tokens, blockSubject(context, snapshot.id), { blockIndex, token });
  const bytes = await getReader(app).readBlock(snapshot.contentId, blockIndex);
  return {
    bytes,
    headers: {
      'x-amz-data-length': String(bytes.length),
      'x-amz-checksum': createHash('sha256').update(bytes).digest('base64'),
      'x-amz-checksum-algorithm': 'SHA256',
    },
  };
};
