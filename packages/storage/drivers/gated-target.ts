// Owns a block target whose volumes hosts elsewhere can have: the target below serves the volume on this host, and here is
// the gate that another one comes in by. Nothing of the volume ends before its gate: who was let in has no way left.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type {
  BlockTarget,
  ExportedVolume,
  Opening,
  TargetFacts,
} from '@ironbark/protocol/internal/block-target.ts';
import type { NbdGates } from '@ironbark/protocol/internal/nbd-gates.ts';
import type { DaemonHost } from './daemon-host.ts';
import { openNbdGates } from './nbd-gates.ts';

export function withGates(
  below: BlockTarget,
  host: DaemonHost & { random?: RandomSource },
): BlockTarget {
  const { random } = host;
  return random === undefined ? below : gatedTarget(below, openNbdGates({ ...host, random }));
}

export function gatedTarget(below: BlockTarget, gates: NbdGates): BlockTarget {
  return {
    ...below,
    inspect: (id) => inspect(below, gates, id),
    list: async () => [...new Set([...(await below.list()), ...(await gates.list())])],
    export: (id, how) => exportVolume(below, gates, id, how),
    findGate: (id) => gates.find(id),
    unexport: async (id) => {
      await gates.close(id);
      await below.unexport(id);
    },
    stop: async (id) => {
      await gates.close(id);
      await below.stop(id);
    },
    grow: async (id, sizeBytes, options) => {
      // Growth that fails takes the volume from nobody.
      await below.grow(id, sizeBytes, options);
      // A gate keeps the length that it began with: the next look finds it gone, and starts another.
      await gates.end(id);
    },
    onExit: (listener) => {
      const stops = [below.onExit(listener), gates.onExit(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    detach: async () => {
      gates.detach();
      await below.detach();
    },
  };
}

async function inspect(below: BlockTarget, gates: NbdGates, id: VolumeId): Promise<TargetFacts> {
  const facts = await below.inspect(id);
  const gate = await gates.find(id);
  // One of another length is as good as none to whoever may come in, and is to be closed for whoever may not.
  const isGated = facts.exported
    ? gate !== undefined && gate.sizeBytes === facts.sizeBytes
    : await gates.isThere(id);
  return isGated ? { ...facts, isGated } : facts;
}

async function exportVolume(
  below: BlockTarget,
  gates: NbdGates,
  id: VolumeId,
  how: Opening,
): Promise<ExportedVolume> {
  const { gateAddress, ...own } = how;
  if (gateAddress === undefined) await gates.close(id);
  const exported = await below.export(id, own);
  if (gateAddress === undefined) return exported;
  const { sizeBytes } = await below.inspect(id);
  if (sizeBytes === undefined) throw new Error(`the length of ${id} is not known`);
  await gates.open(id, { address: gateAddress, sizeBytes });
  return { ...exported, export: { kind: 'nbd-gate', exportName: id, opening: how.opening } };
}
