// Owns BlockTarget on a wire: what the process that starts storage daemons accepts, and the target that the Storage
// Controller has of it.

import { Readable } from 'node:stream';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { GIB, MIB } from '@ironbark/core/units.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import {
  type BlockTarget,
  type ByteRange,
  type ExportedVolume,
  type FreezeOptions,
  type FreezePoint,
  type GrowOptions,
  type Layer,
  MAX_FROZEN_TOGETHER,
  type Opening,
  type TargetFacts,
  type VolumeSeal,
} from '../block-target.ts';
import type { GateAccess } from '../nbd-gates.ts';
import {
  type Check,
  flag,
  hostAddress,
  id,
  integer,
  list,
  nothing,
  object,
  oneOf,
  pattern,
} from './checks.ts';
import { MAX_OPENINGS } from './instance-checks.ts';
import type { ByteVerbTable, CallTransport, VerbTable } from './transport.ts';

/** 64 TiB, EBS's largest volume. */
const MAX_VOLUME_BYTES = 2 ** 46;
/** Snapshots are read in chunks of 4 MiB. */
const MAX_READ_BYTES = 16 * MIB;

/** A snapshot asks how it differs from an earlier one in steps of 8 GiB. */
const MAX_CHANGES_BYTES = 16 * GIB;

/** Exits that nobody has asked for yet; what is forgotten is found at the next look at all volumes. */
const MAX_EXITS = 1_024;

/** Ten times what EBS's fastest type does. */
const MAX_IOPS = 2_560_000;
const MAX_BYTES_PER_SECOND = 40_000 * MIB;
/** QEMU takes no store of more than 10^15; 64 TiB are less. */
const MAX_BURST_SECONDS = 100_000;

const limitsCheck: Check<VolumeLimits> = object<VolumeLimits>({
  iops: integer(1, MAX_IOPS),
  bytesPerSecond: integer(1, MAX_BYTES_PER_SECOND),
  operationBytes: integer(512, 16 * MIB),
  burst: {
    optional: object({
      of: oneOf('iops', 'bytes'),
      perSecond: integer(1, MAX_BYTES_PER_SECOND),
      seconds: integer(1, MAX_BURST_SECONDS),
    }),
  },
});

const sealCheck = object<VolumeSeal>({
  key: pattern(/^[A-Za-z0-9+/]{43}=$/),
  sizeBytes: integer(1, MAX_VOLUME_BYTES),
});
const volume = object({ id: id('vol') });
const exported = object<{ id: VolumeId } & Opening>({
  id: id('vol'),
  opening: integer(1, MAX_OPENINGS),
  limits: { optional: limitsCheck },
  seal: { optional: sealCheck },
  isShared: { optional: flag },
  gateAddress: { optional: hostAddress },
});
const oneOpening = object({ id: id('vol'), opening: integer(1, MAX_OPENINGS) });
const limited = object({ id: id('vol'), limits: limitsCheck });
const grown = object<{ id: VolumeId; sizeBytes: number } & GrowOptions>({
  id: id('vol'),
  sizeBytes: integer(1, MAX_VOLUME_BYTES),
  isMapped: { optional: flag },
});
const layered = object<{ id: VolumeId } & Layer>({
  id: id('vol'),
  sizeBytes: integer(1, MAX_VOLUME_BYTES),
  exportName: { optional: pattern<string>(/^[0-9a-f]{32}$/) },
  seal: { optional: sealCheck },
  writtenBytes: { optional: integer(0, MAX_VOLUME_BYTES) },
});
const point = object({ id: id('vol'), snapshotId: id('snap') });
const sizedPoint = object<FreezePoint>({
  id: id('vol'),
  snapshotId: id('snap'),
  sizeBytes: integer(1, MAX_VOLUME_BYTES),
  seal: { optional: sealCheck },
});
const trackedPoint = object<FreezePoint & FreezeOptions>({
  id: id('vol'),
  snapshotId: id('snap'),
  sizeBytes: integer(1, MAX_VOLUME_BYTES),
  tracksChanges: flag,
  seal: { optional: sealCheck },
  isTaken: { optional: flag },
});
const stretch = {
  id: id('vol'),
  snapshotId: id('snap'),
  offset: integer(0, MAX_VOLUME_BYTES),
  length: integer(1, MAX_CHANGES_BYTES),
};
const dataRange = object(stretch);
const changesRange = object({ ...stretch, base: id('snap') });
const sizedPoints = object({ points: list(sizedPoint, MAX_FROZEN_TOGETHER) });
const range = object({
  id: id('vol'),
  snapshotId: id('snap'),
  offset: integer(0, MAX_VOLUME_BYTES),
  length: integer(1, MAX_READ_BYTES),
});

interface Exits {
  /** How many there have been; pass it to the next call. */
  count: number;
  ids: VolumeId[];
}

export function blockTargetVerbs(target: BlockTarget): VerbTable {
  const exits = keepExits(target);
  const after = object({ after: integer(0, Number.MAX_SAFE_INTEGER) });
  return {
    exits: async (input) => exits(after(input, '').after),
    inspect: (input) => target.inspect(volume(input, '').id),
    list: (input) => {
      nothing(input, '');
      return target.list();
    },
    export: (input) => {
      const { id: volumeId, ...opening } = exported(input, '');
      return target.export(volumeId, opening);
    },
    limit: (input) => {
      const asked = limited(input, '');
      return target.limit(asked.id, asked.limits);
    },
    unexport: (input) => target.unexport(volume(input, '').id),
    findGate: async (input) => {
      const asked = volume(input, '');
      return (await target.findGate?.(asked.id)) ?? null;
    },
    close: (input) => {
      const asked = oneOpening(input, '');
      return target.close(asked.id, asked.opening);
    },
    layer: (input) => {
      const { id: volumeId, ...layer } = layered(input, '');
      return target.layer(volumeId, layer);
    },
    fill: (input) => target.fill(volume(input, '').id),
    flush: (input) => target.flush(volume(input, '').id),
    unlayer: (input) => target.unlayer(volume(input, '').id),
    grow: (input) => {
      const { id: volumeId, sizeBytes, ...options } = grown(input, '');
      return target.grow(volumeId, sizeBytes, options);
    },
    stop: (input) => target.stop(volume(input, '').id),
    freeze: (input) => {
      const asked = trackedPoint(input, '');
      const { id: volumeId, snapshotId, sizeBytes, ...how } = asked;
      return target.freeze(volumeId, snapshotId, sizeBytes, how);
    },
    freezeTogether: (input) => target.freezeTogether(sizedPoints(input, '').points),
    thaw: (input) => {
      const asked = point(input, '');
      return target.thaw(asked.id, asked.snapshotId);
    },
    frozenBases: async (input) => {
      const asked = point(input, '');
      await using reader = await target.openFrozen(asked.id, asked.snapshotId);
      return await reader.bases();
    },
    frozenChanges: async (input) => {
      const asked = changesRange(input, '');
      await using reader = await target.openFrozen(asked.id, asked.snapshotId);
      return await reader.changes(asked.base, asked.offset, asked.length);
    },
    frozenData: async (input) => {
      const asked = dataRange(input, '');
      await using reader = await target.openFrozen(asked.id, asked.snapshotId);
      return await reader.data(asked.offset, asked.length);
    },
    sweep: (input) => {
      nothing(input, '');
      return target.sweep();
    },
  };
}

function keepExits(target: BlockTarget): (after: number) => Exits {
  let count = 0;
  const ids: VolumeId[] = [];
  target.onExit((id) => {
    count += 1;
    ids.push(id);
    if (ids.length > MAX_EXITS) ids.shift();
  });
  return (after) => ({ count, ids: ids.slice(Math.max(0, ids.length - (count - after))) });
}

export function blockTargetBytes(target: BlockTarget): ByteVerbTable {
  return {
    readFrozen: async (input) => {
      const asked = range(input, '');
      await using reader = await target.openFrozen(asked.id, asked.snapshotId);
      const bytes = await reader.read(asked.offset, asked.length);
      return { answer: {}, body: Readable.from([bytes]) };
    },
  };
}

export function remoteBlockTarget(transport: CallTransport): BlockTarget {
  const ask = async (verb: string, input: object): Promise<void> => {
    await transport.call(verb, input);
  };
  return {
    inspect: async (volumeId) => (await transport.call('inspect', { id: volumeId })) as TargetFacts,
    list: async () => (await transport.call('list', {})) as VolumeId[],
    export: async (volumeId, opening) =>
      (await transport.call('export', { ...opening, id: volumeId })) as ExportedVolume,
    limit: (volumeId, limits) => ask('limit', { id: volumeId, limits }),
    unexport: (volumeId) => ask('unexport', { id: volumeId }),
    findGate: async (volumeId) =>
      ((await transport.call('findGate', { id: volumeId })) as GateAccess | null) ?? undefined,
    close: (volumeId, opening) => ask('close', { id: volumeId, opening }),
    // The process on the other side starts storage daemons.
    fillsLazily: true,
    layer: (volumeId, layer) => ask('layer', { ...layer, id: volumeId }),
    fill: (volumeId) => ask('fill', { id: volumeId }),
    flush: (volumeId) => ask('flush', { id: volumeId }),
    unlayer: (volumeId) => ask('unlayer', { id: volumeId }),
    grow: (volumeId, sizeBytes, options) => ask('grow', { ...options, id: volumeId, sizeBytes }),
    stop: (volumeId) => ask('stop', { id: volumeId }),
    freeze: (volumeId, snapshotId, sizeBytes, how) =>
      ask('freeze', { id: volumeId, snapshotId, sizeBytes, ...how }),
    freezeTogether: (points) => ask('freezeTogether', { points }),
    thaw: (volumeId, snapshotId) => ask('thaw', { id: volumeId, snapshotId }),
    sweep: () => ask('sweep', {}),
    openFrozen: async (volumeId, snapshotId) => ({
      read: (offset, length) => read(transport, { id: volumeId, snapshotId, offset, length }),
      bases: async () =>
        (await transport.call('frozenBases', { id: volumeId, snapshotId })) as SnapshotId[],
      changes: async (base, offset, length) => {
        const asked = { id: volumeId, snapshotId, base, offset, length };
        return (await transport.call('frozenChanges', asked)) as ByteRange[];
      },
      data: async (offset, length) => {
        const asked = { id: volumeId, snapshotId, offset, length };
        return (await transport.call('frozenData', asked)) as ByteRange[];
      },
      [Symbol.asyncDispose]: async () => {},
    }),
    onExit: (listener) => watchExits(transport, listener),
    detach: async () => {},
  };
}

interface Range {
  id: VolumeId;
  snapshotId: string;
  offset: number;
  length: number;
}

async function read(transport: CallTransport, asked: Range): Promise<Buffer> {
  const { body } = await transport.callForBytes('readFrozen', asked);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  if (bytes.length === asked.length) return bytes;
  throw new Error(`readFrozen: ${bytes.length} bytes instead of ${asked.length}`);
}

function watchExits(transport: CallTransport, listener: (id: VolumeId) => void): () => void {
  let after = 0;
  let asking = Promise.resolve();
  const ask = async () => {
    const { count, ids } = (await transport.call('exits', { after })) as Exits;
    after = count;
    for (const id of ids) listener(id);
  };
  return transport.onChange(() => {
    // A question that fails is made up for by the next one.
    asking = asking.then(ask).catch(() => {});
  });
}
