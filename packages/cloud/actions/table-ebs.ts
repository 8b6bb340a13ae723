// Owns the list of the EBS direct APIs.

import { isResourceId } from '@ironbark/core/ids.ts';
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
    const input = operation === 'StartSnapshot' ? readStart(request) : readSnapshots(request);
    await authorizeCall(app, context, { service: 'ebs', action: operation, input });
    return await EBS_HANDLERS[operation](app, context, request);
  };
}

/** Of ListChangedBlocks, both. */
function readSnapshots({ operation, snapshotId, query }: EbsRequest): { snapshotIds: string[] } {
  const first = operation === 'ListChangedBlocks' ? query.get('firstSnapshotId') : undefined;
  return { snapshotIds: [snapshotId, first ?? ''].filter((id) => id !== '') };
}

interface Start {
  ParentSnapshotId?: unknown;
  Description?: unknown;
  VolumeSize?: unknown;
  Tags?: unknown;
}

/** What policies may ask of it; what is wrong with the body the operation says itself, after it was allowed. */
function readStart({ body }: EbsRequest) {
  const { ParentSnapshotId, Description, VolumeSize, Tags } = parseBody(body);
  const isNamed = typeof ParentSnapshotId === 'string' && isResourceId('snap', ParentSnapshotId);
  const isTagged = Array.isArray(Tags) && Tags.every((tag) => typeof Object(tag).Key === 'string');
  return {
    snapshotIds: isNamed ? [ParentSnapshotId] : [],
    ...{ ParentSnapshotId, Description, VolumeSize },
    ...(isTagged ? { Tags } : {}),
  };
}

function parseBody(body: Buffer | undefined): Start {
  try {
    return Object(JSON.parse(body?.toString('utf8') || '{}')) as Start;
  } catch {
    return {};
  }
}
