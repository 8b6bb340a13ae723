import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { objectsMigrations } from '@ironbark/objects/store/migrations/migrations.ts';
import type { ObjectsSchema } from '@ironbark/objects/store/schema.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import { KEYS, REGION, startEndpoint } from '../conformance/s3/endpoint.ts';
import { startObjectsProcess } from '../support/objects-process.ts';

const ROUNDS = 5;
const WRITERS = 4;
const KEYS_A_WRITER = 5;
const Bucket = 'crashing';

interface Server {
  s3: S3Client;
  kill(): void;
}

/** Small, so that files of the log are rewritten while the test runs. */
const logFileBytes = 1_000_000;

async function startServer(dataDir: string): Promise<Server> {
  const { url: endpoint, kill } = await startObjectsProcess(dataDir, { logFileBytes });
  const s3 = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: KEYS.owner,
    maxAttempts: 1,
  });
  return { s3, kill };
}

/** What a key may hold: the last acknowledged value, and the one under way when the server died. */
interface Expectation {
  acknowledged: string | undefined;
  underWay: { value: string | undefined } | undefined;
}

async function write(s3: S3Client, Key: string, value: string | undefined): Promise<void> {
  if (value === undefined) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  else await s3.send(new PutObjectCommand({ Bucket, Key, Body: value }));
}

async function read(s3: S3Client, Key: string): Promise<string | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    return await Body!.transformToString();
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return undefined;
    throw error;
  }
}

interface Writing {
  s3: S3Client;
  writer: number;
  random: RandomSource;
  expected: Map<string, Expectation>;
  /** Acknowledged so far, by all writers. */
  progress: { writes: number };
}

/** Writes until the server is gone. */
async function keepWriting({ s3, writer, random, expected, progress }: Writing): Promise<void> {
  for (let n = 0; ; n++) {
    const key = `w${writer}/${n % KEYS_A_WRITER}`;
    const size = Math.floor(random.fraction() ** 4 * 2_000_000);
    const value = random.fraction() < 0.2 ? undefined : `${key} ${n} `.padEnd(size, 'x');
    const before = expected.get(key)?.acknowledged;
    expected.set(key, { acknowledged: before, underWay: { value } });
    try {
      await write(s3, key, value);
    } catch {
      return;
    }
    expected.set(key, { acknowledged: value, underWay: undefined });
    progress.writes += 1;
  }
}

async function verify(s3: S3Client, expected: Map<string, Expectation>): Promise<void> {
  for (const [key, { acknowledged, underWay }] of expected) {
    const found = await read(s3, key);
    const isGood = found === acknowledged || (underWay !== undefined && found === underWay.value);
    assert.ok(isGood, `${key}: ${found?.slice(0, 20)} is not ${acknowledged?.slice(0, 20)}`);
    expected.set(key, { acknowledged: found, underWay: undefined });
  }
}

test('killed at any moment, the store has every acknowledged write and nothing left over', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-crash-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true }));
  const dataDir = join(folder, 'data');
  {
    await using endpoint = await startEndpoint({ dataDir });
    assert.equal((await endpoint.send({ method: 'PUT', path: `/${Bucket}` })).status, 200);
  }
  const expected = new Map<string, Expectation>();
  const progress = { writes: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const server = await startServer(dataDir);
    await verify(server.s3, expected);
    const writers = Array.from({ length: WRITERS }, (_, writer) =>
      keepWriting({ s3: server.s3, writer, random, expected, progress }),
    );
    const enough = progress.writes + 5 + Math.floor(random.fraction() * 60);
    await waitFor(() => progress.writes >= enough, {
      ...{ clock: systemClock, timeoutMs: 30_000, intervalMs: 1, what: 'some writes' },
    });
    server.kill();
    await Promise.all(writers);
    server.s3.destroy();
  }
  await using endpoint = await startEndpoint({ dataDir });
  await endpoint.settled();
  await verify(endpoint.client(), expected);
  const kept = [...expected.values()].filter((entry) => entry.acknowledged !== undefined);
  assert.ok(kept.length > 0);
  const path = join(dataDir, 'objects.sqlite');
  await using db = await openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
  const rows = await db.query.selectFrom('blob').select(['id', 'log_file']).execute();
  assert.equal(rows.length, kept.length);
  const large = rows.filter(({ log_file: file }) => file === null);
  assert.equal((await endpoint.blobFiles()).length, large.length);
});
