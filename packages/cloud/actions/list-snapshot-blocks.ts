// Owns ListSnapshotBlocks: the blocks of a snapshot that something is kept for, each with a token to read it by.

import { SNAPSHOT_BLOCK_BYTES } from '@ironbark/protocol/internal/snapshot-reader.ts';
import { BlockTokens } from '../app/block-tokens.ts';
import { blockSubject, getReadable, getReader, readRange } from '../app/snapshot-blocks.ts';
import type { EbsHandler } from './ebs-handler.ts';

export const listSnapshotBlocks: EbsHandler = async (app, context, request) => {
  const snapshot = await getReadable(app, context, request.snapshotId);
  const tokens = await BlockTokens.open(app);
  const pageSubject = ['blocks', context.accountId, snapshot.id];
  const range = readRange(request, tokens, pageSubject);
  const { blocks, next } = await getReader(app).listBlocks(snapshot.contentId, range);
  const subject = blockSubject(context, snapshot.id);
  return {
    json: {
      Blocks: blocks.map((index) => ({
        BlockIndex: index,
        BlockToken: tokens.write(subject, index),
      })),
      ExpiryTime: tokens.expiresAt / 1000,
      VolumeSize: snapshot.volumeSizeGib,
      BlockSize: SNAPSHOT_BLOCK_BYTES,
      ...(next === undefined ? {} : { NextToken: tokens.write(pageSubject, next) }),
    },
  };
};
