// Owns CompleteSnapshot: no more blocks come, and those that came are the ones that the caller has written.

import type { EbsRequest } from '@ironbark/protocol/ebs/operations.ts';
import type { WrittenBlocks } from '@ironbark/protocol/internal/snapshot-writer.ts';
import { change } from '../app/change.ts';
import { refuseBlocks } from '../app/snapshot-blocks.ts';
import { viewSnapshotState } from '../app/volume-view.ts';
import { getBegun, getWritable, getWriter, isOpen, seal } from '../app/written-snapshots.ts';
import type { EbsHandler } from './ebs-handler.ts';

export const completeSnapshot: EbsHandler = async (app, context, request) => {
  const row = await getBegun(app.store.query, context, request.snapshotId);
  checkHeaders(request);
  // Asked again by a client that has not heard the answer.
  if (row.writeState !== 'sealed') {
    if (isOpen(row)) checkWritten(request, await getWriter(app).describeWritten(row.id));
    await change(app, async (inside) => {
      await seal(inside, await getWritable(inside.tx, context, request.snapshotId));
    });
  }
  return { status: 202, json: { Status: viewSnapshotState(row) } };
};

function checkHeaders({ headers }: EbsRequest): void {
  if (!/^\d{1,9}$/.test(headers.get('x-amz-changedblockscount') ?? '')) {
    throw invalid('The header x-amz-ChangedBlocksCount is the number of blocks that were written.');
  }
  const algorithm = headers.get('x-amz-checksum-algorithm') ?? 'SHA256';
  const method = headers.get('x-amz-checksum-aggregation-method') ?? 'LINEAR';
  if (algorithm !== 'SHA256') throw invalid('The header x-amz-Checksum-Algorithm is SHA256.');
  if (method !== 'LINEAR') throw invalid('x-amz-Checksum-Aggregation-Method is LINEAR.');
}

function checkWritten({ headers }: EbsRequest, { count, linearChecksum }: WrittenBlocks): void {
  const said = Number(headers.get('x-amz-changedblockscount'));
  if (said !== count) {
    throw invalid(`${count} blocks were written; x-amz-ChangedBlocksCount is ${said}.`);
  }
  const checksum = headers.get('x-amz-checksum');
  if (checksum === undefined || checksum === linearChecksum) return;
  throw invalid(
    "The header x-amz-Checksum is not the SHA256 checksum of the blocks' checksums in order of their index.",
  );
}

function invalid(message: string): Error {
  return refuseBlocks('invalid-parameter', 'INVALID_PARAMETER_VALUE', message);
}
