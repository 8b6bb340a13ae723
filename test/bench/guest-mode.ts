// Measures the paper's proposal: one guest with a volume that its host drives, one that its own AoE driver reaches and
// one that its own NBD driver reaches, in turns. Ratios of emulated guests say nothing of others: their instructions are
// what the proposal spends.

import { loadavg } from 'node:os';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { type Figure, ratioFigure } from '../support/figures.ts';
import { createGuestVolume, untilThere } from '../support/guest-volumes.ts';
import { attachVolume, createVolume } from '../support/volumes.ts';
import { parseFioRate, renderLoad } from './block/fio.ts';

const REPEATS = 3;
const SECONDS = 3;

const LOADS = {
  '64 KiB x 8 written': { rw: 'randwrite', block: '64k', depth: 8 },
  '64 KiB x 8 read': { rw: 'randread', block: '64k', depth: 8 },
  '4 KiB x 1 written': { rw: 'randwrite', block: '4k', depth: 1 },
  '4 KiB x 1 read': { rw: 'randread', block: '4k', depth: 1 },
} as const;

interface Devices {
  host: string;
  aoe: string;
  nbd: string;
}

export async function measureGuestMode(): Promise<Figure[]> {
  await using cloud = await CloudUnderTest.start();
  const guest = await launchDirectGuest(cloud);
  const devices: Devices = {
    host: await attach(cloud, guest, await createVolume(cloud), '/dev/sdf'),
    aoe: await attach(cloud, guest, await createGuestVolume(cloud, 'aoe'), '/dev/sdg'),
    nbd: await attach(cloud, guest, await createGuestVolume(cloud, 'nbd'), '/dev/sdh'),
  };
  const figures: Figure[] = [];
  for (const [name, load] of Object.entries(LOADS)) {
    const rates = await inTurns(guest, devices, load);
    const ratio = (one: keyof Devices, other: keyof Devices) =>
      rates[one].map((rate, round) => rate / rates[other][round]!);
    figures.push(ratioFigure(`${name}: guest over AoE to host`, ratio('aoe', 'host')));
    figures.push(ratioFigure(`${name}: guest over NBD to host`, ratio('nbd', 'host')));
    figures.push(ratioFigure(`${name}: guest over NBD to AoE`, ratio('nbd', 'aoe')));
  }
  return figures;
}

async function attach(
  cloud: CloudUnderTest,
  guest: DirectGuest,
  volume: string,
  device: string,
): Promise<string> {
  await attachVolume(cloud, volume, { instanceId: guest.id, device });
  return await untilThere(guest, volume);
}

async function inTurns(
  guest: DirectGuest,
  devices: Devices,
  load: (typeof LOADS)[keyof typeof LOADS],
): Promise<Record<keyof Devices, number[]>> {
  const rates: Record<keyof Devices, number[]> = { host: [], aoe: [], nbd: [] };
  for (let round = 0; round < REPEATS; round += 1) {
    for (const way of ['host', 'aoe', 'nbd'] as const) {
      const text = await guest.run(renderLoad(devices[way], { ...load, seconds: SECONDS }));
      rates[way].push(parseFioRate(text));
    }
    const last = Object.entries(rates).map(([way, all]) => `${way} ${all.at(-1)!.toFixed(1)}`);
    const { rw, block, depth } = load;
    console.error(`${rw} ${block} x ${depth}: ${last.join(', ')} MB/s; load ${loadavg()[0]}`);
  }
  return rates;
}
