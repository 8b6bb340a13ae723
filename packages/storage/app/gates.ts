// Owns which volumes are open to another host, and what its node may hear of the way in.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { NodeId, VolumeId } from '@ironbark/core/ids.ts';
import { notServed } from '@ironbark/protocol/internal/block-target.ts';
import type { GateAccess } from '@ironbark/protocol/internal/nbd-gates.ts';
import { findVolume, type VolumeRow } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';

/** What it is to be open to, not what it is. */
export function isForGate({ nearness, target }: StorageContext, row: VolumeRow): boolean {
  if (row.export_to === null || target.findGate === undefined) return false;
  return nearness?.isElsewhere(row.export_to) === true;
}

export function getGateAddress({ nearness }: StorageContext): string {
  const address = nearness?.findOwnAddress();
  if (address !== undefined) return address;
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'volume',
    message: 'The address of this host, by which others reach it, is not known yet.',
  });
}

/** The record alone says who may come in: with the next opening, whoever had this one hears that it is over. */
export async function findGate(
  { database, target }: StorageContext,
  nodeId: NodeId,
  { id, opening }: { id: VolumeId; opening: number },
): Promise<GateAccess | undefined> {
  const row = await findVolume(database.query, id);
  if (row?.exported_to !== nodeId || row.export_epoch !== opening) return undefined;
  const access = await target.findGate?.(id);
  if (access === undefined) throw notServed(undefined);
  return access;
}
