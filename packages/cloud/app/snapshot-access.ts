// Owns who sees and may use which snapshots: their owners, and whom these share them with.

import type { AccountId, SnapshotId } from '@ironbark/core/ids.ts';
import { listAccounts } from '../store/accounts.ts';
import { listHidingAccounts } from '../store/ebs-settings.ts';
import type { SnapshotRow } from '../store/schema.ts';
import {
  addGrantee,
  EVERYBODY,
  type Grantee,
  listGrantees,
  listGrantsTo,
  listSharedSnapshots,
  removeGrantee,
} from '../store/snapshot-permissions.ts';
import { findSnapshot, listSnapshots } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';
import type { Caller } from './change.ts';
import { invalidValue, notFound, refuse } from './refusals.ts';

type Asker = Pick<Caller, 'accountId'>;

/** Our own: far more than anybody shares one snapshot with by name. */
const MAX_GRANTEES = 1_000;

/** One that the caller may make volumes of, its own or shared; asked for at each use, since sharing can end. */
export async function getRestorable(
  tx: Queries,
  { accountId }: Asker,
  id: SnapshotId,
): Promise<SnapshotRow> {
  const snapshot = await findRestorable(tx, { accountId }, id);
  if (snapshot !== undefined) return snapshot;
  throw notFound('snapshot', 'snapshot', [id]);
}

export async function findRestorable(
  tx: Queries,
  { accountId }: Asker,
  id: SnapshotId,
): Promise<SnapshotRow | undefined> {
  const snapshot = await findSnapshot(tx, id);
  if (snapshot?.desired !== 'present') return undefined;
  const isUsable = snapshot.accountId === accountId || (await isShared(tx, snapshot, accountId));
  return isUsable ? snapshot : undefined;
}

async function isShared(
  tx: Queries,
  snapshot: Pick<SnapshotRow, 'id' | 'accountId'>,
  accountId: AccountId,
): Promise<boolean> {
  const grantees = await listGrantees(tx, snapshot.id);
  if (grantees.includes(accountId)) return true;
  if (!grantees.includes(EVERYBODY)) return false;
  return !(await listHidingAccounts(tx)).has(snapshot.accountId);
}

/** A snapshot with what the caller may know of who can use it. */
export interface VisibleSnapshot {
  id: SnapshotId;
  row: SnapshotRow;
  /** All of them for the owner; others see whether it is shared with them and with all. */
  grantees: readonly Grantee[];
}

export async function listVisible(db: Queries, { accountId }: Asker): Promise<VisibleSnapshot[]> {
  const grants = Map.groupBy(await listGrantsTo(db, accountId), (grant) => grant.snapshotId);
  const hiding = await listHidingAccounts(db);
  const isByName = ({ id }: SnapshotRow) =>
    (grants.get(id) ?? []).some(({ grantee }) => grantee === accountId);
  const shared = (await listSharedSnapshots(db, accountId)).filter(
    (row) => !hiding.has(row.accountId) || isByName(row),
  );
  const rows = [...(await listSnapshots(db, accountId)), ...shared];
  const shown = (row: SnapshotRow) => (grants.get(row.id) ?? []).map(({ grantee }) => grantee);
  // A deleted snapshot is gone at once, whatever the storage still has to do.
  const present = rows.filter((row) => row.desired === 'present');
  return Promise.all(
    present.map(async (row) => ({
      id: row.id,
      row,
      grantees: row.accountId === accountId ? await listGrantees(db, row.id) : shown(row),
    })),
  );
}

/** AWS's own sentences; the account's key is its EBS default key, and the only one that it has. */
export function requireShareable(
  { encrypted }: Pick<SnapshotRow, 'encrypted'>,
  { add }: PermissionChange,
): void {
  if (encrypted === 0 || add.length === 0) return;
  const message = add.includes(EVERYBODY)
    ? 'Encrypted snapshots cannot be shared publicly'
    : 'Encrypted snapshots with EBS default key cannot be shared';
  throw refuse('operation-not-permitted', 'snapshot', message);
}

export interface PermissionChange {
  add: readonly Grantee[];
  remove: readonly Grantee[];
}

export async function changeGrantees(
  tx: Queries,
  id: SnapshotId,
  { add, remove }: PermissionChange,
): Promise<void> {
  const accounts = new Set((await listAccounts(tx)).map((account) => account.id));
  const stranger = add.find((grantee) => grantee !== EVERYBODY && !accounts.has(grantee));
  if (stranger !== undefined) {
    throw invalidValue('UserId', stranger.slice(0, 64), 'There is no such account.');
  }
  for (const grantee of add) await addGrantee(tx, id, grantee);
  for (const grantee of remove) await removeGrantee(tx, id, grantee);
  if ((await listGrantees(tx, id)).length <= MAX_GRANTEES) return;
  throw refuse(
    'limit-exceeded',
    'snapshot',
    `A snapshot can be shared with ${MAX_GRANTEES} accounts by name; share it with all instead.`,
  );
}
