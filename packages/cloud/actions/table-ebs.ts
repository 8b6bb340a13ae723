// Owns the list of the EBS direct APIs that are implemented. Writing a snapshot block by block is not: the storage takes
// snapshots of volumes only.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { EbsOperation } from '@ironbark/protocol/ebs/operations.ts';
import type { App } from '../app/app.ts';
import type { EbsActions, EbsHandler } from './ebs-handler.ts';
import { getSnapshotBlock } from './get-snapshot-block.ts';
import { listChangedBlocks } from './list-changed-blocks.ts';
import { listSnapshotBlocks } from './list-snapshot-blocks.ts';

const EBS_HANDLERS: { readonly [Name in EbsOperation]?: EbsHandler } = {
  GetSnapshotBlock: getSnapshotBlock,
  ListChangedBlocks: listChangedBlocks,
  ListSnapshotBlocks: listSnapshotBlocks,
};

export const EBS_ACTIONS: readonly string[] = Object.keys(EBS_HANDLERS).sort();

export function createEbsActions(app: App): EbsActions {
  return async (context, request) => {
    const handler = EBS_HANDLERS[request.operation];
    if (handler !== undefined) return handler(app, context, request);
    throw new ServiceError({
      kind: 'unsupported',
      resource: 'action',
      message: `The operation ${request.operation} exists in AWS, but this cloud does not offer it.`,
    });
  };
}
