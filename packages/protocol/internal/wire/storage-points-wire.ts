// Owns StoragePoints on a wire: points in time that a storage keeps itself, of the one backend that has them, Ceph.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { CloneFacts, CloneSizes, StoragePoint, StoragePoints } from '../staged-backend.ts';
import { id, integer, nothing, object } from './checks.ts';
import type { CallTransport, VerbTable } from './transport.ts';

/** 64 TiB, EBS's largest volume. */
const MAX_VOLUME_BYTES = 2 ** 46;

const volume = object({ id: id('vol') });
const point = object<StoragePoint>({ id: id('vol'), snapshotId: id('snap') });
const bytes = integer(1, MAX_VOLUME_BYTES);
const sizes = object<CloneSizes>({ pointBytes: bytes, sizeBytes: bytes });
const clone = object({ id: id('vol'), from: point, sizes });

export function storagePointVerbs(points: StoragePoints | undefined): VerbTable {
  const own = (): StoragePoints => points ?? refuseAbsent();
  return {
    pointsList: async (input) => {
      nothing(input, '');
      return await own().list();
    },
    pointsDrop: async (input) => await own().drop(point(input, '')),
    pointsClone: async (input) => {
      const asked = clone(input, '');
      return await own().clone(asked.id, asked.from, asked.sizes);
    },
    pointsInspectClone: async (input) => await own().inspectClone(volume(input, '').id),
    pointsFlatten: async (input) => await own().flatten(volume(input, '').id),
    pointsTidy: async (input) => {
      nothing(input, '');
      await own().tidy();
    },
  };
}

function refuseAbsent(): never {
  const message = 'This cloud has no storage that keeps points in time itself.';
  throw new ServiceError({ kind: 'unsupported', resource: 'volume', message });
}

export function remoteStoragePoints(transport: CallTransport): StoragePoints {
  const tell = async (verb: string, input: object): Promise<void> => {
    await transport.call(verb, input);
  };
  return {
    list: async () => (await transport.call('pointsList', {})) as StoragePoint[],
    drop: (from) => tell('pointsDrop', from),
    clone: async (volumeId, from, asked) =>
      (await transport.call('pointsClone', { id: volumeId, from, sizes: asked })) as boolean,
    inspectClone: async (volumeId) =>
      (await transport.call('pointsInspectClone', { id: volumeId })) as CloneFacts,
    flatten: (volumeId) => tell('pointsFlatten', { id: volumeId }),
    tidy: () => tell('pointsTidy', {}),
  };
}
