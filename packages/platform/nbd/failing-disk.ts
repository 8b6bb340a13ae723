// Owns a disk that fails whatever it is asked: what stands where a disk was that is gone for good, for a client that would
// wait for it otherwise.

import type { Clock } from '../clock.ts';
import type { WritableDisk } from './server.ts';
import { NBD_ERROR, NbdError } from './wire.ts';

/**
 * Longer than any disk was: QEMU ends on an assertion when it asks for what lies beyond the end that its server tells, and
 * a disk that it knows already keeps its length.
 */
const SIZE_BYTES = 2 ** 50;
/** One request after the other: clients that ask without end cost a few hundred answers a second, however many they are. */
const PAUSE_MS = 2;

export function failingDisk(clock: Clock): WritableDisk {
  let last = Promise.resolve();
  const fail = async (): Promise<never> => {
    last = last.then(() => clock.sleep(PAUSE_MS));
    await last;
    throw new NbdError('nbd: the disk is gone', NBD_ERROR.io);
  };
  return {
    sizeBytes: SIZE_BYTES,
    takesNoBytes: true,
    read: fail,
    write: fail,
    zero: fail,
    flush: fail,
  };
}
