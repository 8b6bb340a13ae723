// Owns row 8's share of the host: what a request costs the processors that serve it, beside the guest's own, with the
// engine of the default and with QEMU's oldest.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DIRECT, type DiskProfile } from '@ironbark/core/io-profile.ts';
import { median } from '@ironbark/lab/run/statistics.ts';
import { cpuMsOf } from '@ironbark/lab/seen/threads.ts';
import { parseReadIops, randomReads } from './fio.ts';
import { LabGuest } from './lab-guest.ts';
import { atMost, type BlockRow, notRun } from './rows.ts';

const DEPTH = 32;
const SECONDS = 4;
const CPU_BAR = 0.6;
/** Every thread of QEMU but those that run the guest's code. */
const SERVING = /^(?!CPU \d)/;

interface Cost {
  iops: number;
  usPerIo: number;
}

export async function measureEngines(folder: string, repeat: number): Promise<BlockRow[]> {
  const threads: DiskProfile = { ...DIRECT, aio: 'threads', iothread: false };
  const tuned = await measure(join(folder, 'tuned'), DIRECT, repeat);
  const plain = await measure(join(folder, 'plain'), threads, repeat);
  return [
    atMost({ row: '8' }, 'processor time of the host per 4k read QD32, of aio=threads', {
      value: tuned.usPerIo / plain.usPerIo,
      bar: CPU_BAR,
      beside: `${describe(tuned)}; aio=threads ${describe(plain)}`,
    }),
    notRun(
      '8',
      'QD32 4k IOPS, of the LSI guest',
      'the guests’ kernel has no driver for LSI 53c895a',
    ),
  ];
}

function describe({ iops, usPerIo }: Cost): string {
  return `${usPerIo.toFixed(0)} us at ${iops.toFixed(0)} IOPS`;
}

async function measure(folder: string, profile: DiskProfile, repeat: number): Promise<Cost> {
  await mkdir(folder);
  await using guest = await LabGuest.boot({ folder, profile });
  const { pid } = guest.handle;
  const costs: Cost[] = [];
  for (let n = 0; n < repeat; n++) {
    const beforeMs = await cpuMsOf(pid, SERVING);
    const iops = parseReadIops(
      await guest.run(randomReads('/dev/vda', { depth: DEPTH, seconds: SECONDS })),
    );
    const spentMs = (await cpuMsOf(pid, SERVING)) - beforeMs;
    costs.push({ iops, usPerIo: (spentMs * 1_000) / (iops * SECONDS) });
  }
  return { iops: median(costs.map((c) => c.iops)), usPerIo: median(costs.map((c) => c.usPerIo)) };
}
