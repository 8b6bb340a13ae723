// Owns what a simulated cloud adds to the storage's drivers: volumes that nobody writes to read as zeros at no cost,
// but for their first byte, so that a snapshot has a block to store; and whoever takes a volume from a guest is seen.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { StorageDrivers } from '@ironbark/storage/main.ts';

const CHUNK_BYTES = 4 * 2 ** 20;
const ZEROS = Buffer.alloc(CHUNK_BYTES);
const START = Buffer.alloc(CHUNK_BYTES);
START[0] = 1;

/** `onUnexport` is told before a volume is closed to its node. */
export function withEmptyVolumes(
  drivers: StorageDrivers,
  onUnexport: (id: VolumeId) => void,
): StorageDrivers {
  const { target } = drivers;
  const openFrozen: typeof target.openFrozen = async (id, snapshotId) => {
    const reader = await target.openFrozen(id, snapshotId);
    return {
      ...reader,
      read: async (offset, length) => (offset === 0 ? START : ZEROS).subarray(0, length),
      [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
    };
  };
  const unexport: typeof target.unexport = (id) => {
    onUnexport(id);
    return target.unexport(id);
  };
  const get = (object: typeof target, name: string | symbol) => {
    if (name === 'openFrozen') return openFrozen;
    if (name === 'unexport') return unexport;
    const value = Reflect.get(object, name);
    return typeof value === 'function' ? value.bind(object) : value;
  };
  return { ...drivers, target: new Proxy(target, { get }) };
}
