// Owns `npm run bench -- s3-ceph`: Walrus on files beside Ceph's S3 on the same disk, in turns, and a gateway whose engine
// that Ceph is. Ceph keeps one copy and not three, so that both write as much. It takes Debian's ceph-mon, ceph-mgr,
// ceph-osd, ceph-common, radosgw and postgresql.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { KEYS, REGION } from '../../conformance/s3/endpoint.ts';
import { CephCluster } from '../../support/ceph-cluster.ts';
import { atLeast, type Figure } from '../../support/figures.ts';
import { startObjectsProcess } from '../../support/objects-process.ts';
import { startPostgres } from '../../support/postgres-server.ts';
import { LeanClient, runLoad } from '../../support/s3-load.ts';

const BUCKET = 'bench';
const SMALL = randomBytes(4_096);
const LARGE = randomBytes(64 * MIB);
const FOR_MS = 3_000;
const ROUNDS = 5;
const MANY = 32;
const CEPH_REGION = 'us-east-1';

/** Of Ceph's own rate. */
const PUT_BAR = 2;
const GET_BAR = 1.5;
const LARGE_BAR = 1;

type Rates = Record<'put' | 'get' | 'largePut' | 'largeGet', number[]>;

export async function measureBesideCeph(): Promise<Figure[]> {
  await using undo = new AsyncDisposableStack();
  const parent = await mkdtemp('/var/tmp/ironbark-bench-ceph-');
  undo.defer(() => rm(parent, { recursive: true, force: true }));
  const cluster = undo.use(await CephCluster.start({ copies: 1, parent }));
  const s3 = await cluster.startS3();
  const walrus = undo.use(await startObjectsProcess(join(parent, 'walrus')));
  const postgres = undo.use(await startPostgres({ isSafe: true }));
  const engine = { ...s3, bucket: 'blobs', region: CEPH_REGION };
  const shared = { postgres: postgres.url, engine };
  const gateway = undo.use(await startObjectsProcess(join(parent, 'gateway'), { shared }));
  const own = { key: KEYS.owner, region: REGION, connections: MANY };
  const subjects = {
    ceph: undo.use(new LeanClient({ ...own, url: s3.endpoint, key: s3, region: CEPH_REGION })),
    walrus: undo.use(new LeanClient({ ...own, url: walrus.url })),
    gateway: undo.use(new LeanClient({ ...own, url: gateway.url })),
  };
  const rates = { ceph: newRates(), walrus: newRates(), gateway: newRates() };
  const names = ['ceph', 'walrus', 'gateway'] as const;
  for (const name of names) await subjects[name].succeed({ method: 'PUT', path: `/${BUCKET}` });
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) await measureRound(subjects[name], rates[name], round);
  }
  for (const name of names) tell(name, rates[name]);
  const ratio = (kind: keyof Rates) => median(rates.walrus[kind]) / median(rates.ceph[kind]);
  return [
    atLeast('4 KiB PUT, of Ceph’s', ratio('put'), PUT_BAR),
    atLeast('4 KiB GET, of Ceph’s', ratio('get'), GET_BAR),
    atLeast('64 MiB PUT, of Ceph’s', ratio('largePut'), LARGE_BAR),
    atLeast('64 MiB GET, of Ceph’s', ratio('largeGet'), LARGE_BAR),
  ];
}

function newRates(): Rates {
  return { put: [], get: [], largePut: [], largeGet: [] };
}

async function measureRound(client: LeanClient, rates: Rates, round: number): Promise<void> {
  const load = { concurrency: MANY, forMs: FOR_MS };
  const pathOf = (call: number) => `/${BUCKET}/small/${round}-${call}`;
  const put = await runLoad(load, (call) =>
    client.succeed({ method: 'PUT', path: pathOf(call), body: SMALL }),
  );
  rates.put.push(put.perSecond);
  const get = await runLoad(load, (call) =>
    client.succeed({ method: 'GET', path: pathOf(1 + (call % MANY)) }),
  );
  rates.get.push(get.perSecond);
  const path = `/${BUCKET}/large`;
  rates.largePut.push(await rateOf(() => client.succeed({ method: 'PUT', path, body: LARGE })));
  rates.largeGet.push(await rateOf(() => client.succeed({ method: 'GET', path })));
}

/** MB/s. */
async function rateOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  await work();
  return LARGE.length / 1_000 / (systemClock.monotonicMs() - startedMs);
}

function tell(name: string, rates: Rates): void {
  const [put, get, largePut, largeGet] = Object.values(rates).map((each) =>
    median(each).toFixed(0),
  );
  console.log(
    `${name}: 4 KiB PUT ${put}, GET ${get} a second; 64 MiB PUT ${largePut}, GET ${largeGet} MB/s`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
