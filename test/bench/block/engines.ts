// Owns row 8: many small reads at a time, as the default serves them, as QEMU's oldest engine does, and as the emulated
// adapter of the paper's time does. On a loop device over a file in the host's memory: what is measured is the way there.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DIRECT, type DiskProfile } from '@ironbark/core/io-profile.ts';
import { MIB } from '@ironbark/core/units.ts';
import { LabGuest } from '@ironbark/lab/guest/lab-guest.ts';
import { PAPER_KVM_2010 } from '@ironbark/lab/matrix/matrix.ts';
import { median } from '@ironbark/lab/run/statistics.ts';
import { cpuMsBetween, readThreads } from '@ironbark/lab/seen/threads.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { builtLabGuest } from '../../support/lab-guest-files.ts';
import { parseReadIops, randomReads } from './fio.ts';
import { atLeast, atMost, type BlockRow } from './rows.ts';

const DEPTH = 32;
const SECONDS = 4;
/** A guest that has not done it yet translates its own code first. */
const WARM_UP = 1;
const DISK_BYTES = 256 * MIB;
const CPU_BAR = 0.6;
const IOPS_BAR = 4;
const VCPUS = 2;
const MEMORY_MIB = 512;
/** Every thread of QEMU but those that run the guest's code. */
const SERVING = /^(?!CPU \d)/;

const PROFILES = {
  tuned: DIRECT,
  // Its thread does not poll.
  sleepy: DIRECT,
  // Without KVM QEMU's main thread is woken for each answer in any case.
  threadless: { ...DIRECT, iothread: false },
  threads: { ...DIRECT, aio: 'threads', iothread: false },
  // Its cache is past the question; reads alone are measured.
  lsi: { ...PAPER_KVM_2010, cache: 'direct' },
} as const satisfies Record<string, DiskProfile>;
type Kind = keyof typeof PROFILES;
const KINDS = Object.keys(PROFILES) as Kind[];

interface Cost {
  iops: number;
  usPerIo: number;
}

export async function measureEngines(folder: string, repeat: number): Promise<BlockRow[]> {
  const costs = await measure(folder, repeat);
  const { tuned, sleepy, threadless, threads, lsi } = costs;
  return [
    atMost({ row: '8' }, 'processor time of the host per 4k read QD32, of aio=threads', {
      value: tuned.usPerIo / threads.usPerIo,
      bar: CPU_BAR,
      beside: `${describe(tuned)}; aio=threads ${describe(threads)}; the default without polling ${describe(sleepy)}, without a thread of its own ${describe(threadless)}`,
    }),
    atLeast({ row: '8' }, 'QD32 4k IOPS, of the LSI guest', {
      value: tuned.iops / lsi.iops,
      bar: IOPS_BAR,
      beside: `LSI ${describe(lsi)}`,
    }),
  ];
}

function describe({ iops, usPerIo }: Cost): string {
  return `${usPerIo.toFixed(0)} us at ${iops.toFixed(0)} IOPS`;
}

async function measure(folder: string, repeat: number): Promise<Record<Kind, Cost>> {
  await using disk = await openLoopDisk(join(folder, 'reads'));
  const files = await builtLabGuest();
  await using guest = await LabGuest.boot({
    ...{ commands: systemCommands, clock: systemClock, folder: join(folder, 'engines') },
    ...{ signal: new AbortController().signal, accelerator: 'tcg' },
    ...{ kernelPath: files.kernel, initrdPath: files.initrd },
    ...{ vcpus: VCPUS, memoryMib: MEMORY_MIB },
    disks: KINDS.map((serial) => ({
      serial,
      source: { kind: 'device', path: disk.path },
      profile: PROFILES[serial],
      polls: serial !== 'sleepy',
    })),
  });
  const costs = Object.fromEntries(KINDS.map((kind) => [kind, [] as Cost[]]));
  for (let n = 0; n < WARM_UP + repeat; n++) {
    for (const kind of KINDS) {
      const cost = await measureOnce(guest, kind);
      if (n >= WARM_UP) costs[kind]!.push(cost);
    }
  }
  const middle = (of: readonly Cost[]): Cost => ({
    iops: median(of.map(({ iops }) => iops)),
    usPerIo: median(of.map(({ usPerIo }) => usPerIo)),
  });
  return Object.fromEntries(KINDS.map((kind) => [kind, middle(costs[kind]!)])) as Record<
    Kind,
    Cost
  >;
}

async function measureOnce(guest: LabGuest, kind: Kind): Promise<Cost> {
  const device = guest.deviceOf(kind);
  if (device === undefined) throw new Error(`the guest has no driver for its ${kind} disk`);
  const before = await readThreads(guest.pid);
  const said = await guest.run(randomReads(device, { depth: DEPTH, seconds: SECONDS }));
  const iops = parseReadIops(said);
  const spentMs = cpuMsBetween(before, await readThreads(guest.pid), SERVING);
  return { iops, usPerIo: (spentMs * 1_000) / (iops * SECONDS) };
}

/** Its file is written, so that no read meets a hole. */
async function openLoopDisk(path: string): Promise<AsyncDisposable & { path: string }> {
  await writeFile(path, Buffer.alloc(DISK_BYTES, 1));
  const { stdout } = await systemCommands.run('losetup', ['--find', '--show', path]);
  const device = stdout.trim();
  return {
    path: device,
    [Symbol.asyncDispose]: async () => {
      await systemCommands.run('losetup', ['--detach', device]);
    },
  };
}
