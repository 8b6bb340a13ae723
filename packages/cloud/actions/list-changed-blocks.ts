// Owns ListChangedBlocks: the blocks that differ between two snapshots of one volume.

import { SNAPSHOT_BLOCK_BYTES } from '@ironbark/protocol/internal/snapshot-reader.ts';
import { BlockTokens } from '../app/block-tokens.ts';
import {
  blockSubject,
  getReadable,
  getReader,
  type ReadableSnapshot,
  readRange,
  refuseBlocks,
} from '../app/snapshot-blocks.ts';
import type { EbsHandler } from './ebs-handler.ts';

export const listChangedBlocks: EbsHandler = async (app, context, request) => {
  const second = await getReadable(app, context, request.snapshotId);
  const firstId = request.query.get('firstSnapshotId');
  const first = firstId === undefined ? undefined : await getReadable(app, context, firstId);
  if (first !== undefined) requireRelated(first, second);
  const tokens = await BlockTokens.open(app);
  const pageSubject = ['changed', context.accountId, first?.id ?? '', second.id];
  const range = readRange(request, tokens, pageSubject);
  const pair = { first: first?.contentId, second: second.contentId };
  const { blocks, next } = await getReader(app).listChangedBlocks(pair, range);
  const tokenOf = (snapshot: ReadableSnapshot, index: number) =>
    tokens.write(blockSubject(context, snapshot.id), index);
  return {
    json: {
      ChangedBlocks: blocks.map(({ index, isInFirst, isInSecond }) => ({
        BlockIndex: index,
        ...(first !== undefined && isInFirst ? { FirstBlockToken: tokenOf(first, index) } : {}),
        ...(isInSecond ? { SecondBlockToken: tokenOf(second, index) } : {}),
      })),
      ExpiryTime: tokens.expiresAt / 1000,
      VolumeSize: second.volumeSizeGib,
      BlockSize: SNAPSHOT_BLOCK_BYTES,
      ...(next === undefined ? {} : { NextToken: tokens.write(pageSubject, next) }),
    },
  };
};

function requireRelated(first: ReadableSnapshot, second: ReadableSnapshot): void {
  if (first.volumeId === second.volumeId) return;
  throw refuseBlocks(
    'invalid-parameter',
    'UNRELATED_SNAPSHOTS',
    `The snapshots '${first.id}' and '${second.id}' are of different volumes.`,
  );
}
