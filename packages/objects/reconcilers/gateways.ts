// Owns that gateways hear of each other: each beats, and the leader takes over from one that has not for long.

import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { ObjectsContext } from '../app/context.ts';
import type { SharedGateway } from '../app/gateway.ts';
import { deleteGateway, listGateways, takeOverBlobs } from '../store/gateways.ts';

/** Longer than a database takes to fail over to another, in which time nobody beats. */
const DEAD_MS = 60_000;
export const WATCH_MS = 5_000;

export function gatewayBeat(gateway: SharedGateway): Reconciler {
  return {
    name: 'gateway-beat',
    listKeys: async () => [gateway.id],
    reconcile: async () => {
      await gateway.beat();
      return SETTLED;
    },
  };
}

/** Nobody could be heard of while nothing was looked at: the database was away, or another led. */
const MAX_GAP_MS = 3 * WATCH_MS;

/** Time is its own: since when it has seen no new beat. */
export function gatewayWatch(
  { db, clock, logger }: Pick<ObjectsContext, 'db' | 'clock' | 'logger'>,
  { gateway, onTaken }: { gateway: SharedGateway; onTaken: () => void },
): Reconciler {
  const seen = new Map<string, { beat: number; atMs: number }>();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  return {
    name: 'gateway-watch',
    listKeys: async () => (gateway.isLeader() ? ['all'] : []),
    reconcile: async () => {
      const nowMs = clock.monotonicMs();
      const rows = await listGateways(db.query);
      if (nowMs - lookedAtMs > MAX_GAP_MS) seen.clear();
      lookedAtMs = nowMs;
      for (const { id, beat } of rows) {
        const last = seen.get(id);
        if (last?.beat !== beat) seen.set(id, { beat, atMs: nowMs });
        else if (nowMs - last.atMs > DEAD_MS) {
          logger.warn('a gateway has not been heard of: its work is taken over', { gateway: id });
          await deleteGateway(db.query, { id, beat });
          seen.delete(id);
        }
      }
      const isThere = new Set(rows.map(({ id }) => id));
      for (const id of seen.keys()) if (!isThere.has(id)) seen.delete(id);
      if (!isThere.has(gateway.id)) return SETTLED;
      if (await db.transaction((tx) => takeOverBlobs(tx, gateway.id))) onTaken();
      return SETTLED;
    },
  };
}

/** What one gateway does for all. Two may overlap for a moment, which each of these stands. */
export function byLeader(
  { gateway }: Pick<ObjectsContext, 'gateway'>,
  inner: Reconciler,
): Reconciler {
  return {
    name: inner.name,
    listKeys: async () => (gateway.isLeader() ? await inner.listKeys() : []),
    reconcile: async (key, signal) =>
      gateway.isLeader() ? await inner.reconcile(key, signal) : SETTLED,
  };
}
