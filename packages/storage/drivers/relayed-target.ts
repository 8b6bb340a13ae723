// Owns a block target whose volumes several guests can have at once: the target below has an export for each opening, and
// here is the relay that each guest opens it through. A guest that is cut off loses its own relay, and nobody else's.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type {
  BlockTarget,
  ExportedVolume,
  Opening,
  TargetFacts,
} from '@ironbark/protocol/internal/block-target.ts';
import type { Relays } from './relays.ts';

export function relayedTarget(below: BlockTarget, relays: Relays): BlockTarget {
  return {
    inspect: (id) => inspect(below, relays, id),
    list: async () => {
      const relayed = (await relays.list()).map(({ id }) => id);
      return [...new Set([...(await below.list()), ...relayed])];
    },
    export: (id, opening) => exportVolume(below, relays, id, opening),
    limit: (id, limits) => below.limit(id, limits),
    unexport: async (id) => {
      await removeAll(relays, id);
      await below.unexport(id);
    },
    close: async (id, opening) => {
      // What it has under way it ends itself, while it can.
      await relays.remove({ id, opening });
      await below.close(id, opening);
    },
    fillsLazily: below.fillsLazily,
    layer: (id, layer) => below.layer(id, layer),
    fill: (id) => below.fill(id),
    flush: (id) => below.flush(id),
    unlayer: (id) => below.unlayer(id),
    grow: async (id, sizeBytes, options) => {
      // A relay keeps the length that it began with: the next look finds it gone, and starts another.
      for (const key of await relays.listOf(id)) await relays.end(key);
      await below.grow(id, sizeBytes, options);
    },
    stop: async (id) => {
      await removeAll(relays, id);
      await below.stop(id);
    },
    freeze: (id, snapshotId, sizeBytes, options) =>
      below.freeze(id, snapshotId, sizeBytes, options),
    freezeTogether: (points) => below.freezeTogether(points),
    openFrozen: (id, snapshotId) => below.openFrozen(id, snapshotId),
    thaw: (id, snapshotId) => below.thaw(id, snapshotId),
    sweep: () => below.sweep(),
    onExit: (listener) => {
      const stops = [below.onExit(listener), relays.onExit(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    detach: async () => {
      relays.detach();
      await below.detach();
    },
  };
}

/** An opening is served when the volume's daemon and its relay both serve it. */
async function inspect(below: BlockTarget, relays: Relays, id: VolumeId): Promise<TargetFacts> {
  const { openings = [], ...facts } = await below.inspect(id);
  const served: number[] = [];
  for (const opening of openings) {
    if (await relays.isServing({ id, opening }, facts.sizeBytes)) served.push(opening);
  }
  return served.length === 0 ? facts : { ...facts, openings: served };
}

async function exportVolume(
  below: BlockTarget,
  relays: Relays,
  id: VolumeId,
  how: Opening,
): Promise<ExportedVolume> {
  const exported = await below.export(id, how);
  if (how.isShared === true) {
    const { sizeBytes } = await below.inspect(id);
    await relays.ensure({ id, opening: how.opening }, sizeBytes);
  }
  return exported;
}

async function removeAll(relays: Relays, id: VolumeId): Promise<void> {
  for (const key of await relays.listOf(id)) await relays.remove(key);
}
