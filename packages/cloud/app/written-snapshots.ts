// Owns the rules of snapshots that are written block by block: begun, written for as long as somebody writes, completed,
// and given up when nobody does.

import { isResourceId, type SnapshotId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { SnapshotWriter } from '@ironbark/protocol/internal/snapshot-writer.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { findSnapshot, findSnapshots, listSnapshots, updateSnapshot } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { chooseEncryption } from './encryption.ts';
import { notFound, notOffered, refuse } from './refusals.ts';
import { refuseBlocks } from './snapshot-blocks.ts';
import { composeSnapshotIntent } from './snapshot-intent.ts';
import { addSnapshot, NO_VOLUME } from './snapshots.ts';
import { viewSnapshotState } from './volume-view.ts';

type Asker = Pick<Caller, 'accountId'>;

/** AWS's quota of pending snapshots for one account ("EBS quotas"). */
const MAX_OPEN = 100;
/** A write puts the end off, at most so often: it is a row of the state store. */
const PUT_OFF_EVERY_MS = 30_000;

export interface WriteWish {
  volumeSizeGib: number;
  parentId: SnapshotId | undefined;
  description: string;
  timeoutMs: number;
}

export async function beginWriting(
  app: App,
  caller: Asker,
  change: Change,
  wish: WriteWish,
): Promise<SnapshotId> {
  const { tx, nowMs } = change;
  await requireRoom(tx, caller);
  const parent = wish.parentId && (await getParent(tx, caller, wish.parentId, wish.volumeSizeGib));
  const isSourceEncrypted = parent !== undefined && parent.row.encrypted === 1;
  if (await chooseEncryption(app, tx, caller.accountId, { isSourceEncrypted })) {
    throw notOffered('Encryption of a snapshot that is written by blocks');
  }
  const id = newId(app.random, 'snap');
  await addSnapshot(caller, change, {
    id,
    volumeId: NO_VOLUME,
    volumeSizeGib: wish.volumeSizeGib,
    description: wish.description,
    writeState: 'open',
    writeTimeoutMs: wish.timeoutMs,
    writeExpiresAt: nowMs + wish.timeoutMs,
    ...(parent === undefined
      ? {}
      : { writeParentId: parent.row.id, writeContentId: parent.contentId }),
  });
  return id;
}

async function requireRoom(tx: Queries, { accountId }: Asker): Promise<void> {
  const rows = await listSnapshots(tx, accountId);
  const open = rows.filter((row) => isOpen(row) && row.desired === 'present');
  if (open.length < MAX_OPEN) return;
  throw refuse('limit-exceeded', 'snapshot', `An account can have ${MAX_OPEN} snapshots begun.`);
}

/** One of the caller's own: blocks are never shared between accounts. */
async function getParent(
  tx: Queries,
  { accountId }: Asker,
  id: SnapshotId,
  volumeSizeGib: number,
): Promise<{ row: SnapshotRow; contentId: SnapshotId }> {
  const [row] = await findSnapshots(tx, accountId, [id]);
  if (row?.desired !== 'present') throw notFound('snapshot', 'snapshot', [id]);
  if (viewSnapshotState(row) !== 'completed') {
    throw invalidParent(`The parent snapshot '${id}' is not completed.`);
  }
  if (row.volumeSizeGib > volumeSizeGib) {
    const message = `The volume size is smaller than the parent snapshot's ${row.volumeSizeGib} GiB.`;
    throw refuseBlocks('invalid-parameter', 'INVALID_VOLUME_SIZE', message);
  }
  const content = row.contentId === null ? row : await findSnapshot(tx, row.contentId);
  if (content?.accountId === accountId) return { row, contentId: content.id };
  throw invalidParent(
    `The bytes of '${id}' are another account's. Write all blocks without a parent.`,
  );
}

function invalidParent(message: string): Error {
  return refuseBlocks('incorrect-state', 'INVALID_DEPENDENCY_REQUEST', message);
}

export function isOpen(row: Pick<SnapshotRow, 'writeState' | 'observedState'>): boolean {
  const isWaiting = row.observedState === null || row.observedState === 'pending';
  return row.writeState === 'open' && isWaiting;
}

/** One that the caller may write to now. */
export async function getWritable(tx: Queries, caller: Asker, text: string): Promise<SnapshotRow> {
  const row = await getBegun(tx, caller, text);
  if (isOpen(row)) return row;
  throw notWritable(text);
}

function notWritable(id: string): Error {
  const message = `The snapshot '${id}' takes no blocks: it is not pending, or was not begun with StartSnapshot.`;
  return refuseBlocks('incorrect-state', 'INVALID_SNAPSHOT_ID', message);
}

export async function getBegun(
  tx: Queries,
  { accountId }: Asker,
  text: string,
): Promise<SnapshotRow> {
  if (!isResourceId('snap', text)) {
    throw refuseBlocks('malformed-id', 'INVALID_SNAPSHOT_ID', 'The snapshot ID is not valid.');
  }
  const [row] = await findSnapshots(tx, accountId, [text]);
  if (row?.desired !== 'present') throw notFound('snapshot', 'snapshot', [text]);
  if (row.writeState === null) throw notWritable(text);
  return row;
}

export function getWriter({ snapshotWriter }: App): SnapshotWriter {
  if (snapshotWriter !== undefined) return snapshotWriter;
  throw refuse('unavailable', 'snapshot', 'The storage of this cloud takes no blocks.');
}

/** So that a block can be written at once; the reconciler sees to it that it comes about. */
export async function tellStorage(app: App, row: SnapshotRow): Promise<void> {
  await app.storage.putIntents({ volumes: [], snapshots: [composeSnapshotIntent(row)] });
}

/** As long as somebody writes it does not expire. */
export async function putOffExpiry(
  { tx, nowMs }: Change,
  { id, writeTimeoutMs, writeExpiresAt }: SnapshotRow,
): Promise<void> {
  if (writeTimeoutMs === null || writeExpiresAt === null) return;
  const expiresAt = nowMs + writeTimeoutMs;
  if (expiresAt - writeExpiresAt < PUT_OFF_EVERY_MS) return;
  await updateSnapshot(tx, id, { writeExpiresAt: expiresAt });
}

export async function seal(
  { tx, touched }: Change,
  { id, generation }: SnapshotRow,
): Promise<void> {
  await updateSnapshot(tx, id, { writeState: 'sealed', generation: generation + 1 });
  touched.snapshots.add(id);
}
