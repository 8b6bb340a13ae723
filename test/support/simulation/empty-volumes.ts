// Owns what a simulated cloud adds to the storage's drivers: volumes that nobody writes to read as zeros at no cost,
// but for their first byte, so that a snapshot has a block to store; and whoever takes a volume from a guest is seen.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { StorageDrivers } from '@ironbark/storage/main.ts';

const CHUNK_BYTES = 4 * 2 ** 20;
const ZEROS = Buffer.alloc(CHUNK_BYTES);
const START = Buffer.alloc(CHUNK_BYTES);
START[0] = 1;

/** `onTaken` is told before a volume is closed to its node, or to one of several instances: then by its opening. */
export function withEmptyVolumes(
  drivers: StorageDrivers,
  onTaken: (id: VolumeId, opening?: number) => void,
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
    onTaken(id);
    return target.unexport(id);
  };
  const close: typeof target.close = (id, opening) => {
    onTaken(id, opening);
    return target.close(id, opening);
  };
  const get = (object: typeof target, name: string | symbol) => {
    if (name === 'openFrozen') return openFrozen;
    if (name === 'unexport') return unexport;
    if (name === 'close') return close;
    const value = Reflect.get(object, name);
    return typeof value === 'function' ? value.bind(object) : value;
  };
  return { ...drivers, target: new Proxy(target, { get }) };
}
