// Owns `npm run bench -- s3`: what Walrus does in a second, small and large, beside what the disk and one core can do,
// what a PUT and a page of keys cost with many keys in a bucket, and other stores in the same run.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { KEYS, REGION } from '../../conformance/s3/endpoint.ts';
import { atLeast, atMost, type Figure } from '../../support/figures.ts';
import { startObjectsProcess } from '../../support/objects-process.ts';
import { type LeanClientOptions, type Load, runLoad } from '../../support/s3-load.ts';
import { readAndCompare } from '../../support/s3-reader.ts';
import { SocketClient } from '../../support/s3-sockets.ts';
import { measureKeys } from './keys.ts';
import { measurePeers } from './peers.ts';

const BUCKET = 'bench';
const SMALL = randomBytes(4_096);
const LARGE = randomBytes(64 * MIB);
const FOR_MS = 5_000;
const WARM_UP_MS = 1_000;
const LARGE_ROUNDS = 9;
const MANY = 32;
/** On a disk: what is in memory alone says nothing of durable writes. */
const FOLDER = '/var/tmp/ironbark-bench-s3-';

/** Of the slowest thing that a large request cannot avoid. */
const LARGE_BAR = 0.6;
/** p99 to p50. */
const TAIL_BAR = 5;
const RATIO_BAR = 1.5;
/** What the server's memory may grow by while objects go through it. */
const MEMORY_BAR_MIB = 256;

export async function measureS3(): Promise<Figure[]> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(FOLDER);
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const syncs = await measureSyncs(folder);
  console.log(`disk: a write of 4 KiB and fdatasync, p50 ${syncs.toFixed(2)} ms`);
  return [
    ...(await measureRequests(folder)),
    ...(await measureGrowth(folder)),
    ...(await measurePeers(folder)),
  ];
}

async function measureRequests(folder: string): Promise<Figure[]> {
  await using walrus = await startObjectsProcess(join(folder, 'requests'));
  const options = { url: walrus.url, key: KEYS.owner, region: REGION, connections: MANY };
  using client = new SocketClient(options);
  await client.succeed({ method: 'PUT', path: `/${BUCKET}` });
  const put = (call: number) =>
    client.succeed({ method: 'PUT', path: `/${BUCKET}/small/${call}`, body: SMALL });
  const get = (call: number) =>
    client.succeed({ method: 'GET', path: `/${BUCKET}/small/${1 + (call % 500)}` });
  await runLoad({ concurrency: MANY, forMs: WARM_UP_MS }, put);
  const before = await memoryOf(walrus.pid);
  const loads: [string, Load][] = [];
  for (const [name, work] of [
    ['PUT', put],
    ['GET', get],
  ] as const) {
    for (const concurrency of [1, MANY]) {
      const load = await runLoad({ concurrency, forMs: FOR_MS }, work);
      loads.push([`4 KiB ${name} × ${concurrency}`, load]);
      tell(`4 KiB ${name} × ${concurrency}`, load);
    }
  }
  const large = await measureLarge(client, options, folder);
  const grown = (await memoryOf(walrus.pid)) - before;
  return [
    ...loads.flatMap(([name, load]) => [
      atLeast(`${name}, a second`, load.perSecond, 1),
      atMost(`${name}, p99 to p50`, load.p99Ms / load.p50Ms, TAIL_BAR),
    ]),
    ...large,
    atMost('memory grown by, MiB', grown, MEMORY_BAR_MIB),
  ];
}

function tell(name: string, { perSecond, p50Ms, p99Ms }: Load): void {
  const times = `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`;
  console.log(`${name}: ${perSecond.toFixed(0)} a second, ${times}`);
}

/** Rates in MB/s, each the median of some rounds in turns. */
async function measureLarge(
  client: SocketClient,
  options: LeanClientOptions,
  folder: string,
): Promise<Figure[]> {
  const rates = { put: [], get: [], disk: [], read: [], md5: [] } as Record<string, number[]>;
  const take = async (name: string, work: () => unknown) => {
    const startedMs = systemClock.monotonicMs();
    await work();
    rates[name]!.push(LARGE.length / 1_000 / (systemClock.monotonicMs() - startedMs));
  };
  for (let round = 0; round < LARGE_ROUNDS; round++) {
    const path = `/${BUCKET}/large/${round}`;
    await take('disk', () => writeDurably(join(folder, 'raw'), LARGE));
    await take('md5', () => createHash('md5').update(LARGE).digest());
    await take('put', () => client.succeed({ method: 'PUT', path, body: LARGE }));
    await take('get', () => readAndCompare(options, path, LARGE));
    await take('read', () => readFile(join(folder, 'raw')));
  }
  const median = (name: string) => rates[name]!.toSorted((a, b) => a - b)[LARGE_ROUNDS >> 1]!;
  const line = Object.keys(rates).map((name) => `${name} ${median(name).toFixed(0)}`);
  console.log(`64 MiB, MB/s: ${line.join(', ')}`);
  const wall = Math.min(median('disk'), median('md5'));
  return [
    atLeast('64 MiB PUT, of disk or MD5', median('put') / wall, LARGE_BAR),
    atLeast('64 MiB GET, of reading the file', median('get') / median('read'), LARGE_BAR),
  ];
}

async function measureGrowth(folder: string): Promise<Figure[]> {
  const sizes = await measureKeys(join(folder, 'keys'));
  const [first, ...more] = sizes;
  return more.flatMap(({ keys, putMs, pageMs }) => [
    atMost(`PUT with ${keys} keys to ${first!.keys}`, putMs / first!.putMs, RATIO_BAR),
    atMost(`page of 1,000 with ${keys} keys to ${first!.keys}`, pageMs / first!.pageMs, RATIO_BAR),
  ]);
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  await using file = await open(path, 'w');
  await file.write(bytes);
  await file.sync();
}

const SYNCS = 200;

async function measureSyncs(folder: string): Promise<number> {
  await using file = await open(join(folder, 'syncs'), 'w');
  const times: number[] = [];
  for (let n = 0; n < SYNCS; n++) {
    const startedMs = systemClock.monotonicMs();
    await file.write(SMALL);
    await file.datasync();
    times.push(systemClock.monotonicMs() - startedMs);
  }
  return times.toSorted((a, b) => a - b)[SYNCS >> 1]!;
}

async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1_024;
}
