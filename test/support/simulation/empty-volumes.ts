// Owns that snapshots of simulated volumes cost nothing: nobody writes to them, so every read finds zeros.

import type { StorageDrivers } from '@ironbark/storage/main.ts';

const CHUNK_BYTES = 4 * 2 ** 20;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

export function withEmptyVolumes(drivers: StorageDrivers): StorageDrivers {
  const { target } = drivers;
  const openFrozen: typeof target.openFrozen = async (id, snapshotId) => {
    const reader = await target.openFrozen(id, snapshotId);
    return {
      read: async (_offset, length) => ZEROS.subarray(0, length),
      [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
    };
  };
  const get = (object: typeof target, name: string | symbol) => {
    if (name === 'openFrozen') return openFrozen;
    const value = Reflect.get(object, name);
    return typeof value === 'function' ? value.bind(object) : value;
  };
  return { ...drivers, target: new Proxy(target, { get }) };
}
