// Owns what needs a guest whose root disk is a modelled one, opened by the node as a file: row 5, the read-stream
// profile against the host, and the volume's path against the local disk's.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DIRECT, type DiskProfile, READ_STREAM } from '@ironbark/core/io-profile.ts';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { LabDisk } from '@ironbark/lab/disk/lab-disk.ts';
import { renderSeen } from '@ironbark/lab/seen/render-seen.ts';
import { UNLIMITED, withCache } from '@ironbark/lab/testbeds.ts';
import { forgetPages } from '@ironbark/lab/workloads/dd.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import {
  type Bench,
  guestSample,
  hostSample,
  inTurn,
  mbps,
  medianRatio,
  middleOf,
  modelOf,
  type Seat,
} from './bench.ts';
import { LabGuest } from './lab-guest.ts';
import { atLeast, type BlockRow } from './rows.ts';
import { withServedVolume } from './volumes.ts';

const ROOT_BYTES = GIB;
/** Beyond what the guest has read of its root disk while it started. */
const AT = 512 * MIB;
const DIRECT_BAR = 0.93;
const VOLUME_BAR = 0.95;

/** A guest with this profile on a modelled root disk; `local` is that disk. */
async function withLocalDisk<T>(
  bench: Seat,
  profile: DiskProfile,
  work: (local: Bench) => Promise<T>,
): Promise<T> {
  const folder = join(bench.folder, profile.name);
  await mkdir(folder);
  await using disk = await LabDisk.start({
    commands: systemCommands,
    clock: systemClock,
    folder: join(folder, 'disk'),
    sizeBytes: ROOT_BYTES,
    model: UNLIMITED,
  });
  await using guest = await LabGuest.boot({ folder, profile, rootFile: disk.file });
  return await work({ ...bench, disk, guest, device: '/dev/vda' });
}

export function measureReadStream(bench: Seat): Promise<BlockRow[]> {
  return withLocalDisk(bench, READ_STREAM, async (local) => {
    await local.disk.change(modelOf(bench));
    const transfer = { bytes: 64 * MIB, at: AT, direct: true };
    const samples = await inTurn(bench.repeat, {
      host: () => hostSample(local, 'read', transfer),
      guest: async () => {
        await forgetPages(systemCommands, local.disk.file);
        return await guestSample(local, 'read', transfer);
      },
    });
    const [host, guest] = [middleOf(samples.host), middleOf(samples.guest)];
    return [
      atLeast({ row: '5' }, 'QD1 O_DIRECT read, read-stream, of the host’s', {
        value: medianRatio(samples.guest, samples.host),
        bar: DIRECT_BAR,
        beside: `guest ${mbps(guest.rate)}, ${renderSeen(guest.seen)}; host ${mbps(host.rate)}, ${renderSeen(host.seen)}`,
      }),
    ];
  });
}

export function measureVolumePath(bench: Seat): Promise<BlockRow[]> {
  return withLocalDisk(bench, DIRECT, async (local) => {
    const cached = withCache(modelOf(bench));
    await local.disk.change(cached);
    await bench.disk.change(cached);
    const seat = { ...bench, guest: local.guest, device: '' };
    return await withServedVolume(seat, async ({ device }) => {
      const rows: BlockRow[] = [];
      for (const direct of [false, true]) {
        const transfer = { bytes: 64 * MIB, at: AT, direct };
        const samples = await inTurn(bench.repeat, {
          local: () => guestSample(local, 'read', transfer),
          volume: () => guestSample(seat, 'read', { ...transfer, path: device }),
        });
        const [one, other] = [middleOf(samples.local), middleOf(samples.volume)];
        const name = `volume path of the local disk’s, read ${direct ? 'direct' : 'buffered'}`;
        rows.push(
          atLeast({ row: 'path' }, name, {
            value: medianRatio(samples.volume, samples.local),
            bar: VOLUME_BAR,
            beside: `volume ${mbps(other.rate)}, ${renderSeen(other.seen)}; local ${mbps(one.rate)}`,
          }),
        );
      }
      return rows;
    });
  });
}
