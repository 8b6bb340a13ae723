// Owns row 7: what the guest asks of the hypervisor for one request. No load changes it; under KVM each access of a
// register is an exit, and a kick is not even that.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UNLIMITED } from '@ironbark/lab/testbeds.ts';
import { diskNames } from '@ironbark/node/drivers/qemu/argv.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import { BENCH_VOLUME, type Bench, modelOf } from './bench.ts';
import { atMost, type BlockRow } from './rows.ts';

/** Enough for what the guest does beside them not to count. */
const COUNTED_IOS = 500;
const KICKS_BAR = 1.1;
/** QEMU's own names: a virtqueue's kick, and registers that a guest touches. */
const KICK = 'virtio_queue_notify';
const REGISTERS = ['memory_region_ops_read', 'memory_region_ops_write'] as const;
/** The registers of a virtio disk, by the names of their regions; a kick's own is an event without an access. */
const DISK_REGION = /name 'virtio-pci-[a-z]+-virtio-blk'/;

export async function measureKicks(bench: Bench): Promise<BlockRow[]> {
  await bench.disk.change(UNLIMITED);
  const dd = `dd if=${bench.device} of=/dev/null bs=4k count=${COUNTED_IOS} iflag=direct`;
  const { kicks, registers } = await countEvents(bench, dd);
  await bench.disk.change(modelOf(bench));
  const hard = { row: '7', isHard: true };
  return [
    atMost(hard, 'kicks per direct I/O', {
      value: kicks / COUNTED_IOS,
      bar: KICKS_BAR,
      unit: '',
      beside: `${kicks} kicks for ${COUNTED_IOS} reads of 4 KiB`,
    }),
    atMost(hard, 'registers of disks read or written per direct I/O', {
      value: registers / COUNTED_IOS,
      // The guest touches some outside of its requests.
      bar: 0.02,
      unit: '',
      beside: `${registers} in all`,
    }),
  ];
}

/** QEMU's traces while a command runs in the guest. */
async function countEvents(
  { guest }: Bench,
  command: string,
): Promise<{ kicks: number; registers: number }> {
  const log = join(guest.handle.directory, 'qemu.log');
  const text = await guest.withMonitor(async (qmp) => {
    const trace = async (enable: boolean) => {
      for (const name of [KICK, ...REGISTERS]) {
        await qmp.execute('trace-event-set-state', { name, enable });
      }
    };
    const before = (await readFile(log)).length;
    await poll(qmp, 0);
    await trace(true);
    await guest.run(command);
    await trace(false);
    await poll(qmp, POLL_NS);
    return (await readFile(log)).subarray(before).toString('latin1');
  });
  const lines = text.split('\n');
  const registers = lines.filter(
    (line) => REGISTERS.some((name) => line.includes(name)) && DISK_REGION.test(line),
  );
  return { kicks: busiestDevice(lines), registers: registers.length };
}

/** A thread that polls sees a request before its kick, and the trace counts both. */
async function poll(qmp: QmpClient, value: number): Promise<void> {
  const path = `/objects/${diskNames(BENCH_VOLUME).iothread}`;
  await qmp.execute('qom-set', { path, property: 'poll-max-ns', value });
}

/** QEMU's default (iothread.c). */
const POLL_NS = 32_768;

/** Kicks of the device that had most: the disk. The network's are those of one login. */
function busiestDevice(lines: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const device = /virtio_queue_notify vdev (\S+)/.exec(line)?.[1];
    if (device !== undefined) counts.set(device, (counts.get(device) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
