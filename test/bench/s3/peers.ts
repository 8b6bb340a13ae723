// Owns Walrus beside other stores in one run: the same client, the same disk, one copy of each byte, in turns. What is
// acknowledged is on stable storage, names too: a peer that does not see to that is made to.
// Ceph's gateway comes from Debian's packages, MinIO is the machine's or is built where there is a Go.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { KEYS, REGION } from '../../conformance/s3/endpoint.ts';
import { CephCluster, installCephGateway, type S3Gateway } from '../../support/ceph-cluster.ts';
import { atLeast, type Figure } from '../../support/figures.ts';
import { findMinio, startMinio } from '../../support/minio-server.ts';
import { startObjectsProcess } from '../../support/objects-process.ts';
import { startPostgres } from '../../support/postgres-server.ts';
import { type LeanClientOptions, runLoad } from '../../support/s3-load.ts';
import { readAndCompare } from '../../support/s3-reader.ts';
import { SocketClient } from '../../support/s3-sockets.ts';
import { cephEngine } from '../../support/shared-stores.ts';

const BUCKET = 'peers';
/** Of a store that answers before the name of an object is on stable storage, as it comes. */
const UNSYNCED_BUCKET = 'peers-unsynced';
const SMALL = randomBytes(4_096);
const LARGE = randomBytes(64 * MIB);
const ROUNDS = 3;
const FOR_MS = 2_000;
/** Of each kind: programs that are compiled as they run are slow at first, as Walrus is. All are given the same. */
const WARM_UP_MS = 5_000;
const MANY = 32;
const READ_AGAIN = 200;
/** A download takes less than a tenth of a second. */
const DOWNLOADS = 5;

/** What is measured, and how many times the best peer's it is to be. */
const KINDS = {
  'durable 4 KiB PUT × 1': 2,
  [`durable 4 KiB PUT × ${MANY}`]: 2,
  '4 KiB GET × 1': 1.5,
  [`4 KiB GET × ${MANY}`]: 1.5,
  '64 MiB PUT': 1,
  '64 MiB GET': 1,
};

type Store = Pick<LeanClientOptions, 'url' | 'key'> & {
  name: string;
  /** What Walrus is compared with: it keeps what it has acknowledged. */
  isPeer: boolean;
  bucket?: string;
  /** Makes it keep the bucket's names, too. */
  syncNames?: (bucket: string) => Promise<void>;
  /** Default: all. */
  kinds?: readonly string[];
};

export async function measurePeers(folder: string): Promise<Figure[]> {
  await using undo = new AsyncDisposableStack();
  const walrus = undo.use(await startObjectsProcess(join(folder, 'beside-peers')));
  const stores: Store[] = [{ name: 'Walrus', isPeer: false, url: walrus.url, key: KEYS.owner }];
  const ceph = await tryStart('Ceph RGW', async () => {
    await installCephGateway(console.log);
    const cluster = undo.use(await CephCluster.start({ disks: 1 }));
    return await cluster.startGateway();
  });
  if (ceph !== undefined) stores.push({ ...ceph, name: 'Ceph RGW', isPeer: true });
  const minio = await tryStart('MinIO', async () => {
    const program = await findMinio(console.log);
    if (program === undefined) throw new Error('no minio, and no go to build it with');
    return undo.use(await startMinio(program, folder));
  });
  if (minio !== undefined) {
    const { url, key, syncNames } = minio;
    stores.push({ url, key, syncNames, name: 'MinIO', isPeer: true });
    // So that what the difference in durability costs is seen.
    const kinds = Object.keys(KINDS).filter((kind) => kind.includes('PUT ×'));
    const unsynced = { name: 'MinIO with names unsynced', bucket: UNSYNCED_BUCKET, kinds };
    stores.push({ url, key, ...unsynced, isPeer: false });
  }
  if (stores.length === 1) return [];
  const gateway = ceph && (await tryStart('gateway', () => startGateway(undo, folder, ceph)));
  if (gateway !== undefined) stores.push(gateway);
  const rates = await measureInTurns(stores);
  return Object.entries(KINDS).map(([kind, bar]) => {
    const medians = storesFor(stores, kind).map(({ name, isPeer }) => {
      return { name, isPeer, rate: medianOf(rates, kind, name) };
    });
    const line = medians.map(({ name, rate }) => `${name} ${rate.toFixed(0)}`).join(', ');
    console.log(`${kind}: ${line} ${kind.startsWith('64') ? 'MB/s' : 'a second'}`);
    const best = Math.max(...medians.filter(({ isPeer }) => isPeer).map(({ rate }) => rate));
    return atLeast(`${kind}, of the best peer`, medians[0]!.rate / best, bar);
  });
}

/** Walrus over PostgreSQL, with that Ceph as its engine: what it adds to Ceph's own rate. No bar is on it. */
async function startGateway(
  owned: AsyncDisposableStack,
  folder: string,
  ceph: S3Gateway,
): Promise<Store> {
  const postgres = owned.use(await startPostgres({ isSafe: true }));
  const shared = { postgres: postgres.url, engine: cephEngine(ceph) };
  const gateway = owned.use(await startObjectsProcess(join(folder, 'gateway'), { shared }));
  return { name: 'Walrus over Ceph RGW', isPeer: false, url: gateway.url, key: KEYS.owner };
}

async function tryStart<Started>(
  name: string,
  start: () => Promise<Started>,
): Promise<Started | undefined> {
  try {
    return await start();
  } catch (error) {
    console.log(`${name} SKIPPED: ${String(error).split('\n')[0]}`);
    return undefined;
  }
}

function storesFor(stores: readonly Store[], kind: string): Store[] {
  return stores.filter(({ kinds }) => kinds === undefined || kinds.includes(kind));
}

type Rates = Map<string, number[]>;

function medianOf(rates: Rates, kind: string, store: string): number {
  return rates.get(`${kind}/${store}`)!.toSorted((a, b) => a - b)[ROUNDS >> 1]!;
}

async function measureInTurns(stores: readonly Store[]): Promise<Rates> {
  const rates: Rates = new Map();
  for (const store of stores) await prepare(store);
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of Object.keys(KINDS)) {
      for (const store of storesFor(stores, kind)) {
        const key = `${kind}/${store.name}`;
        const rate = await measureOnce(kind, store, round);
        rates.set(key, [...(rates.get(key) ?? []), rate]);
      }
    }
  }
  return rates;
}

function clientOf({ url, key }: Store): SocketClient {
  return new SocketClient({ url, key, region: REGION, connections: MANY });
}

/** Its bucket, and connections and caches that have been used. */
async function prepare(store: Store): Promise<void> {
  using client = clientOf(store);
  const { bucket = BUCKET } = store;
  await client.succeed({ method: 'PUT', path: `/${bucket}` });
  try {
    await store.syncNames?.(bucket);
  } catch (error) {
    console.log(`${store.name} answers before names are on stable storage: ${String(error)}`);
  }
  for (let at = 0; at < READ_AGAIN; at += MANY) {
    const paths = Array.from(
      { length: MANY },
      (_, n) => `/${bucket}/warm/${(at + n) % READ_AGAIN}`,
    );
    await Promise.all(paths.map((path) => client.succeed({ method: 'PUT', path, body: SMALL })));
  }
  const large = `/${bucket}/large/first`;
  await client.succeed({ method: 'PUT', path: large, body: LARGE });
  for (let nth = 0; nth < DOWNLOADS; nth++) await readLarge(store, large);
  const load = { concurrency: MANY, forMs: WARM_UP_MS };
  const put = await runLoad(load, (call) => putSmall(client, bucket, `used/${call}`));
  const get = await runLoad(load, (call) => getSmall(client, bucket, call));
  const [ofPut, ofGet] = [put, get].map(({ clientMicros }) => clientMicros.toFixed(0));
  console.log(`${store.name}: the client takes ${ofPut} µs of a PUT and ${ofGet} µs of a GET`);
}

function putSmall(client: SocketClient, bucket: string, name: string): Promise<Buffer> {
  return client.succeed({ method: 'PUT', path: `/${bucket}/small/${name}`, body: SMALL });
}

function getSmall(client: SocketClient, bucket: string, call: number): Promise<Buffer> {
  return client.succeed({ method: 'GET', path: `/${bucket}/warm/${call % READ_AGAIN}` });
}

/** Calls a second of small ones, MB/s of large ones. */
async function measureOnce(kind: string, store: Store, round: number): Promise<number> {
  using client = clientOf(store);
  const { bucket = BUCKET } = store;
  const large = `/${bucket}/large/${round}`;
  if (kind === '64 MiB PUT') {
    return await rateOf(() => client.succeed({ method: 'PUT', path: large, body: LARGE }));
  }
  if (kind === '64 MiB GET') {
    return await rateOf(() => readLarge(store, large), DOWNLOADS);
  }
  const concurrency = Number(kind.split('× ')[1]);
  const isPut = kind.includes('PUT');
  const { perSecond } = await runLoad({ concurrency, forMs: FOR_MS }, (call) =>
    isPut
      ? putSmall(client, bucket, `${round}/${concurrency}/${call}`)
      : getSmall(client, bucket, call),
  );
  return perSecond;
}

function readLarge(store: Store, path: string): Promise<void> {
  return readAndCompare({ ...store, region: REGION }, path, LARGE);
}

async function rateOf(work: () => Promise<unknown>, times = 1): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  for (let nth = 0; nth < times; nth++) await work();
  return (times * LARGE.length) / 1_000 / (systemClock.monotonicMs() - startedMs);
}
