// Owns the list of the EBS direct APIs.

import type { EbsOperation, EbsRequest } from '@ironbark/protocol/ebs/operations.ts';
import { authorizeCall } from '../app/access.ts';
import type { App } from '../app/app.ts';
import { completeSnapshot } from './complete-snapshot.ts';
import type { EbsActions, EbsHandler } from './ebs-handler.ts';
import { getSnapshotBlock } from './get-snapshot-block.ts';
import { listChangedBlocks } from './list-changed-blocks.ts';
import { listSnapshotBlocks } from './list-snapshot-blocks.ts';
import { putSnapshotBlock } from './put-snapshot-block.ts';
import { startSnapshot } from './start-snapshot.ts';

const EBS_HANDLERS: { readonly [Name in EbsOperation]: EbsHandler } = {
  CompleteSnapshot: completeSnapshot,
  GetSnapshotBlock: getSnapshotBlock,
  ListChangedBlocks: listChangedBlocks,
  ListSnapshotBlocks: listSnapshotBlocks,
  PutSnapshotBlock: putSnapshotBlock,
  StartSnapshot: startSnapshot,
};

export const EBS_ACTIONS: readonly string[] = Object.keys(EBS_HANDLERS).sort();

export function createEbsActions(app: App): EbsActions {
  return async (context, request) => {
    const { operation } = request;
    const input = { snapshotIds: snapshotsOf(request) };
    await authorizeCall(app, context, { service: 'ebs', action: operation, input });
    return await EBS_HANDLERS[operation](app, context, request);
  };
}

/** Of ListChangedBlocks, both; of StartSnapshot, none yet. */
function snapshotsOf({ operation, snapshotId, query }: EbsRequest): string[] {
  const first = operation === 'ListChangedBlocks' ? query.get('firstSnapshotId') : undefined;
  return [snapshotId, first ?? ''].filter((id) => id !== '');
}
