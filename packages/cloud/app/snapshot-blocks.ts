// Owns the rules of reading snapshots block by block: whose, which, by what parameters, and with which tokens.

import { type ErrorKind, ServiceError } from '@ironbark/core/errors.ts';
import { isResourceId, type SnapshotId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import type { EbsRequest } from '@ironbark/protocol/ebs/operations.ts';
import {
  SNAPSHOT_BLOCK_BYTES,
  type SnapshotReader,
} from '@ironbark/protocol/internal/snapshot-reader.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { findSnapshot } from '../store/snapshots.ts';
import type { App } from './app.ts';
import type { BlockTokens } from './block-tokens.ts';
import type { Caller } from './change.ts';
import { getRestorable } from './snapshot-access.ts';
import { viewSnapshotState } from './volume-view.ts';

type Asker = Pick<Caller, 'accountId'>;

export interface ReadableSnapshot {
  id: SnapshotId;
  /** What the storage knows it by. */
  contentId: SnapshotId;
  volumeSizeGib: number;
  blocks: number;
  /** Snapshots of one volume can be compared. */
  volumeId: string;
}

export async function getReadable(
  app: App,
  caller: Asker,
  text: string,
): Promise<ReadableSnapshot> {
  if (!isResourceId('snap', text)) {
    throw refuseBlocks('malformed-id', 'INVALID_SNAPSHOT_ID', 'The snapshot ID is not valid.');
  }
  const row = await getRestorable(app.store.query, caller, text);
  if (viewSnapshotState(row) !== 'completed') {
    const message = `The snapshot '${text}' is not completed.`;
    throw refuseBlocks('incorrect-state', 'INVALID_SNAPSHOT_ID', message);
  }
  const content = await getContent(app, row);
  return {
    id: row.id,
    contentId: content.id,
    volumeSizeGib: row.volumeSizeGib,
    blocks: countBlocks(row),
    volumeId: content.volumeId,
  };
}

export function countBlocks({ volumeSizeGib }: Pick<SnapshotRow, 'volumeSizeGib'>): number {
  return (volumeSizeGib * GIB) / SNAPSHOT_BLOCK_BYTES;
}

/** It is kept for as long as a copy has its bytes. */
async function getContent(app: App, row: SnapshotRow): Promise<SnapshotRow> {
  if (row.contentId === null) return row;
  return (await findSnapshot(app.store.query, row.contentId))!;
}

export function getReader({ snapshotReader }: App): SnapshotReader {
  if (snapshotReader !== undefined) return snapshotReader;
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'snapshot',
    message: 'The storage of this cloud cannot be read block by block.',
  });
}

export function blockSubject(caller: Asker, id: SnapshotId): string[] {
  return ['block', caller.accountId, id];
}

export function requireToken(
  tokens: BlockTokens,
  about: readonly string[],
  { blockIndex, token }: { blockIndex: number; token: string | undefined },
): void {
  if (token !== undefined && tokens.read(about, token) === blockIndex) return;
  throw refuseBlocks(
    'invalid-parameter',
    'INVALID_BLOCK_TOKEN',
    'The block token is not valid for this block, or it has expired. List the blocks again.',
  );
}

/** AWS's ("ListSnapshotBlocks", MaxResults). */
const MIN_RESULTS = 100;
const MAX_RESULTS = 10_000;
/** 64 TiB. */
const MAX_BLOCK_INDEX = 2 ** 27;

/** Where a page begins and how long it is; a token goes before an index, as in AWS. */
export function readRange(
  { query }: EbsRequest,
  tokens: BlockTokens,
  about: readonly string[],
): { from: number; limit: number } {
  const limit =
    readInteger(query, 'maxResults', { min: MIN_RESULTS, max: MAX_RESULTS }) ?? MAX_RESULTS;
  const start = readInteger(query, 'startingBlockIndex', { min: 0, max: MAX_BLOCK_INDEX }) ?? 0;
  const token = query.get('pageToken');
  if (token === undefined) return { from: start, limit };
  const from = tokens.read(about, token);
  if (from !== undefined) return { from, limit };
  throw refuseBlocks('invalid-parameter', 'INVALID_PAGE_TOKEN', 'The page token is not valid.');
}

export function readBlockIndex(text: string, { blocks }: Pick<ReadableSnapshot, 'blocks'>): number {
  const index = parseInteger(text);
  if (index !== undefined && index < blocks) return index;
  throw refuseBlocks('invalid-parameter', 'INVALID_BLOCK', 'There is no block of this index.');
}

function readInteger(
  query: ReadonlyMap<string, string>,
  name: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  const text = query.get(name);
  if (text === undefined) return undefined;
  const value = parseInteger(text);
  if (value !== undefined && value >= min && value <= max) return value;
  const message = `The parameter ${name} is a whole number from ${min} to ${max}.`;
  throw refuseBlocks('invalid-parameter', 'INVALID_PARAMETER_VALUE', message);
}

function parseInteger(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

export function refuseBlocks(kind: ErrorKind, reason: string, message: string): ServiceError {
  return new ServiceError({ kind, resource: 'snapshot', message, details: { Reason: reason } });
}
