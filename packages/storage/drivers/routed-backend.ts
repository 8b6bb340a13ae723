// Owns which backend a volume's bytes are in, for whoever knows only the volume: the row says it.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { BackendName } from '@ironbark/protocol/internal/staged-backend.ts';
import type { VolumeBackend } from './volume-backend.ts';

export type Backends = { file: VolumeBackend } & Partial<Record<BackendName, VolumeBackend>>;

/** Space is that of files: the others have their own, which no two volumes share by promise. */
export function routeBackends(
  backends: Backends,
  nameOf: (id: VolumeId) => Promise<BackendName>,
): VolumeBackend {
  const all = Object.values(backends);
  const of = async (id: VolumeId): Promise<VolumeBackend> => {
    const name = await nameOf(id);
    return backends[name] ?? refuseAbsent(name);
  };
  return {
    inspect: async (id) => await (await of(id)).inspect(id),
    list: async () => (await Promise.all(all.map((each) => each.list()))).flat(),
    create: async (id, sizeBytes, options) => await (await of(id)).create(id, sizeBytes, options),
    createFrom: async (id, sizeBytes, contents) =>
      await (await of(id)).createFrom(id, sizeBytes, contents),
    grow: async (id, sizeBytes, options) => await (await of(id)).grow(id, sizeBytes, options),
    overwrite: async (id, contents) => await (await of(id)).overwrite(id, contents),
    sync: async (id) => await (await of(id)).sync(id),
    remove: async (id) => await (await of(id)).remove(id),
    space: () => backends.file.space(),
    sweep: async () => {
      for (const each of all) await each.sweep();
    },
  };
}

/** Not final: an administrator can give it back. */
function refuseAbsent(name: BackendName): never {
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'volume',
    message: `The volume is in the backend ${name}, which this cloud is not set up for at the moment.`,
  });
}
