// Owns a disk that a volume's storage daemon serves: limits, snapshots, encryption and figures are there, and hold for
// whoever comes in over AoE as for anybody. While the daemon is away commands wait, and are then done.
//
// A write that the daemon has answered is at its disk: a daemon that dies takes nothing with it (daemon-arguments.ts),
// so that after the next one is there only what was not answered has to be asked again.

import { systemClock } from '@ironbark/platform/clock.ts';
import { NbdClient } from '@ironbark/platform/nbd/client.ts';
import type { DiskIo, DiskSource, Run } from './disk-source.ts';
import type { FrameSlots } from './frame-slots.ts';

/** Requests of each kind that the daemon has at a time; QEMU's NBD server works on 16 for one client. */
const LANES = 16;
/** A disk whose daemon is not there is not opened; whoever asked asks again. */
const CONNECT_TIMEOUT_MS = 3_000;

export async function openServedVolume(
  socketPath: string,
  exportName: string,
): Promise<DiskSource> {
  let listener: ((sizeBytes: number) => void) | undefined;
  const onSize = (sizeBytes: number) => listener?.(sizeBytes);
  const options = { socketPath, exportName, clock: systemClock, onSize };
  const client = await NbdClient.connect(options, CONNECT_TIMEOUT_MS);
  return {
    sizeBytes: async () => client.sizeBytes,
    onResize: (given) => {
      listener = given;
    },
    get isAway() {
      return !client.isConnected;
    },
    io: (slots) => volumeIo(client, slots),
    cutOff: () => client.close(),
    close: async () => client.close(),
  };
}

function volumeIo(client: NbdClient, slots: FrameSlots): DiskIo {
  const dataOf = (run: Run) => run.map(({ slot, length }) => slots.data(slot, length));
  return {
    lanes: LANES,
    cachedWritesAtATime: LANES,
    addressAtHand: () => 0,
    readAtHand: () => 0,
    writeAtHand: () => false,
    read: (run) => client.read(run[0]!.offset, dataOf(run)),
    write: (run) => client.write(run[0]!.offset, dataOf(run)),
    persist: () => client.flush(),
  };
}
