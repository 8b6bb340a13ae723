// Owns the form of a snapshot in the object store:
//
//   snap-x/manifest.json             written last, so a snapshot that has one is whole
//   snap-x/lists/000000000000        the blocks of each stretch of the volume that has any (block-list.ts)
//   blocks/SCOPE/9f/9f86d081…        a block under the digest of its bytes, shared by all snapshots of the scope;
//                                    encrypted ones as sealed-blocks.ts has them
//
// The scope is the account. Blocks are not shared between accounts: one that could see, by the time or the size of its
// own snapshot, that a block was there already would learn what others have on their volumes.

import type { AccountId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { LIST_BLOCKS } from './block-list.ts';
import type { AccountKey } from './encryption-keys.ts';
import { isMacOf, macOf } from './sealed-blocks.ts';
import { damaged, isPositive } from './snapshot-damage.ts';

export const SNAPSHOT_BUCKET = 'ironbark-snapshots';
export const SNAPSHOT_FORMAT = 'ironbark-snapshot/2';
/** EBS's own: small enough that a change costs little, large enough that requests cost little beside bytes. */
export const BLOCK_BYTES = 512 * KIB;
/** About 100 bytes a list: a volume of 64 TiB has 2,048. The first form had a line for each chunk. */
export const MAX_MANIFEST_BYTES = 64 * MIB;

export interface SnapshotManifest {
  format: typeof SNAPSHOT_FORMAT;
  snapshotId: SnapshotId;
  volumeId: VolumeId;
  /** Within which blocks are shared. */
  scope: string;
  volumeSizeBytes: number;
  blockBytes: number;
  /** ISO 8601 time at which the manifest was written. */
  completedAt: string;
  /** In order; stretches that are missing here are zeros. */
  lists: ManifestList[];
  /** Of a snapshot of an encrypted volume. */
  sealing?: ManifestSealing;
}

export interface ManifestSealing {
  accountId: AccountId;
  /** The account's key in its envelope, which the cloud's keyring opens. */
  envelope: string;
  /** Over the manifest as it is without it, with the account's key; lower-case hexadecimal. */
  mac: string;
}

export interface ManifestList {
  /** The stretch: its first block's index is this times LIST_BLOCKS. */
  number: number;
  /** Of the list's bytes, lower-case hexadecimal. */
  sha256: string;
}

export function snapshotPrefix(id: SnapshotId): string {
  return `${id}/`;
}

export function manifestKey(id: SnapshotId): string {
  return `${snapshotPrefix(id)}manifest.json`;
}

/** Twelve digits sort in order. */
export function listKey(id: SnapshotId, number: number): string {
  return `${snapshotPrefix(id)}lists/${String(number).padStart(12, '0')}`;
}

export function blockKey(scope: string, sha256: string): string {
  return `blocks/${scope}/${sha256.slice(0, 2)}/${sha256}`;
}

export type UnsealedManifest = Omit<SnapshotManifest, 'format' | 'sealing'>;

export function renderManifest(
  manifest: UnsealedManifest,
  account?: AccountKey & { accountId: AccountId },
): Buffer {
  const whole = { format: SNAPSHOT_FORMAT, ...manifest };
  if (account === undefined) return Buffer.from(JSON.stringify(whole));
  const { accountId, envelope, key } = account;
  const mac = macOf(key, JSON.stringify(whole));
  return Buffer.from(JSON.stringify({ ...whole, sealing: { accountId, envelope, mac } }));
}

/** Throws unless the manifest is what was written with that account's key. */
export function requireSealed(
  { sealing, ...whole }: SnapshotManifest,
  accountKey: Buffer,
  id: SnapshotId,
): void {
  if (isMacOf(accountKey, JSON.stringify(whole), sealing?.mac ?? '')) return;
  throw damaged(id, 'its manifest is not what was stored');
}

/** The manifest, once everything that a reader relies on has been checked. */
export function parseManifest(parsed: unknown, id: SnapshotId): SnapshotManifest {
  const manifest = parsed as Partial<SnapshotManifest> | null;
  if (manifest?.format !== SNAPSHOT_FORMAT) throw damaged(id, 'its format is not known here');
  if (manifest.snapshotId !== id) throw damaged(id, 'it names another snapshot');
  const { volumeSizeBytes, blockBytes, scope, lists } = manifest;
  if (!isPositive(volumeSizeBytes)) throw damaged(id, 'its volume size is wrong');
  if (blockBytes !== BLOCK_BYTES) throw damaged(id, 'its block size is wrong');
  if (!/^[a-z0-9-]{1,64}$/.test(scope ?? '')) throw damaged(id, 'its scope is wrong');
  const count = Math.ceil(volumeSizeBytes / (blockBytes * LIST_BLOCKS));
  if (!isSealing(manifest.sealing)) throw damaged(id, 'its sealing is wrong');
  if (!Array.isArray(lists) || !areInOrder(lists, count)) throw damaged(id, 'its lists are wrong');
  return manifest as SnapshotManifest;
}

export function parseManifestJson(bytes: Uint8Array, id: SnapshotId): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw damaged(id, 'its manifest cannot be read', error);
  }
}

function isSealing(sealing: Partial<ManifestSealing> | undefined): boolean {
  if (sealing === undefined) return true;
  const texts = [sealing?.accountId, sealing?.envelope, sealing?.mac];
  return texts.every((text) => typeof text === 'string');
}

function areInOrder(lists: readonly (Partial<ManifestList> | null)[], count: number): boolean {
  let last = -1;
  for (const list of lists) {
    const number = list?.number;
    if (!Number.isSafeInteger(number) || !/^[0-9a-f]{64}$/.test(list?.sha256 ?? '')) return false;
    if (number! <= last || number! >= count) return false;
    last = number!;
  }
  return true;
}
