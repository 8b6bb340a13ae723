// Owns StagedBackend on a wire: what the process that may open disks accepts, and the backends that the Storage
// Controller has of it. Each verb carries the backend's name.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import {
  MAX_WRITE_BYTES,
  type StagedBackend,
  type StagedBackendName,
  type StagedBackends,
  type StagedSpace,
  type StagedVolume,
} from '../staged-backend.ts';
import { type Check, id, integer, object, oneOf, pattern } from './checks.ts';
import { remoteStoragePoints, storagePointVerbs } from './storage-points-wire.ts';
import type { CallTransport, VerbTable } from './transport.ts';

/** 64 TiB, EBS's largest volume. */
const MAX_VOLUME_BYTES = 2 ** 46;
const BASE64_BYTES = Math.ceil(MAX_WRITE_BYTES / 3) * 4;

const backend = oneOf<StagedBackendName>('device', 'rbd');
const named = object({ backend });
const volume = object({ backend, id: id('vol') });
const sized = object({ backend, id: id('vol'), sizeBytes: integer(1, MAX_VOLUME_BYTES) });
const base64 = pattern<string>(/^[A-Za-z0-9+/]*={0,2}$/);
const piece = object({
  backend,
  id: id('vol'),
  offset: integer(0, MAX_VOLUME_BYTES),
  bytes: bounded(base64, BASE64_BYTES),
});

function bounded(check: Check<string>, max: number): Check<string> {
  return (value, path) =>
    check(typeof value === 'string' && value.length > max ? '?' : value, path);
}

export function stagedBackendVerbs(backends: StagedBackends): VerbTable {
  const of = (name: StagedBackendName): StagedBackend => backends[name] ?? refuseAbsent(name);
  const onVolume =
    (work: (target: StagedBackend, id: VolumeId) => Promise<unknown>) => async (input: unknown) => {
      const asked = volume(input, '');
      return await work(of(asked.backend), asked.id);
    };
  const onSized =
    (work: (target: StagedBackend, id: VolumeId, sizeBytes: number) => Promise<unknown>) =>
    async (input: unknown) => {
      const asked = sized(input, '');
      return await work(of(asked.backend), asked.id, asked.sizeBytes);
    };
  return {
    ...storagePointVerbs(backends.rbd?.points),
    stagedInspect: onVolume((target, volumeId) => target.inspect(volumeId)),
    stagedFinish: onVolume((target, volumeId) => target.finish(volumeId)),
    stagedRemove: onVolume((target, volumeId) => target.remove(volumeId)),
    stagedPrepare: onSized((target, volumeId, size) => target.prepare(volumeId, size)),
    stagedGrow: onSized((target, volumeId, size) => target.grow(volumeId, size)),
    stagedList: async (input) => await of(named(input, '').backend).list(),
    stagedListUnfinished: async (input) => await of(named(input, '').backend).listUnfinished(),
    stagedSpace: async (input) => await of(named(input, '').backend).space(),
    stagedWrite: async (input) => {
      const asked = piece(input, '');
      const bytes = Buffer.from(asked.bytes, 'base64');
      await of(asked.backend).write(asked.id, asked.offset, bytes);
    },
  };
}

function refuseAbsent(name: string): never {
  const message = `This cloud has no backend ${name}.`;
  throw new ServiceError({ kind: 'unsupported', resource: 'volume', message });
}

export function remoteStagedBackend(
  transport: CallTransport,
  name: StagedBackendName,
): StagedBackend {
  const ask = async <T>(verb: string, input: object = {}): Promise<T> =>
    (await transport.call(verb, { backend: name, ...input })) as T;
  return {
    inspect: async (volumeId) =>
      (await ask<StagedVolume | null>('stagedInspect', { id: volumeId })) ?? undefined,
    list: () => ask<VolumeId[]>('stagedList'),
    listUnfinished: () => ask<VolumeId[]>('stagedListUnfinished'),
    prepare: (volumeId, sizeBytes) => ask<number>('stagedPrepare', { id: volumeId, sizeBytes }),
    write: async (volumeId, offset, bytes) => {
      const text = Buffer.from(bytes).toString('base64');
      await ask('stagedWrite', { id: volumeId, offset, bytes: text });
    },
    finish: async (volumeId) => {
      await ask('stagedFinish', { id: volumeId });
    },
    grow: (volumeId, sizeBytes) => ask<number>('stagedGrow', { id: volumeId, sizeBytes }),
    remove: (volumeId) => ask<number>('stagedRemove', { id: volumeId }),
    space: () => ask<StagedSpace>('stagedSpace'),
    ...(name === 'rbd' ? { points: remoteStoragePoints(transport) } : {}),
  };
}
