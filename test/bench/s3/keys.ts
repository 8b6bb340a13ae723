// Owns what a PUT and a page of a thousand keys take in buckets of growing size. Rows are copied in the state while
// nobody runs on it: putting a million objects would take longer than anybody waits.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '@ironbark/platform/clock.ts';
import { KEYS, REGION } from '../../conformance/s3/endpoint.ts';
import { startObjectsProcess } from '../../support/objects-process.ts';
import { LeanClient, runLoad } from '../../support/s3-load.ts';

export interface KeyCosts {
  keys: number;
  putMs: number;
  pageMs: number;
}

const SIZES = [1_000, 100_000, 1_000_000];
const BUCKET = 'keys';
const BODY = Buffer.alloc(4_096, 'k');
const FOR_MS = 2_000;
const PAGES = 20;

export async function measureKeys(dataDir: string): Promise<KeyCosts[]> {
  const costs: KeyCosts[] = [];
  for (const keys of SIZES) {
    await begin(dataDir);
    fill(join(dataDir, 'objects.sqlite'), keys);
    costs.push(await measure(dataDir, keys));
  }
  return costs;
}

/** One object, of whose rows the others are copies. */
async function begin(dataDir: string): Promise<void> {
  await using walrus = await startObjectsProcess(dataDir);
  using client = clientOf(walrus.url);
  await client.call({ method: 'PUT', path: `/${BUCKET}` });
  await client.succeed({ method: 'PUT', path: `/${BUCKET}/model`, body: BODY });
}

function clientOf(url: string): LeanClient {
  return new LeanClient({ url, key: KEYS.owner, region: REGION, connections: 1 });
}

function fill(path: string, keys: number): void {
  using state = new DatabaseSync(path, { timeout: 5_000 });
  const columns = (table: string, replaced: Record<string, string>) =>
    state
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map(({ name }) => replaced[String(name)] ?? `m."${name}"`)
      .join(', ');
  const count = state.prepare("SELECT count(*) AS n FROM object WHERE object_key LIKE 'copy/%'");
  const have = Number(count.get()!['n']);
  const numbers = `WITH RECURSIVE n(i) AS (SELECT ${have} UNION ALL SELECT i + 1 FROM n WHERE i < ${keys - 1})`;
  // As random as ids are: their order is not that of the keys.
  const id = "substr(printf('%08x', (i * 2654435761) % 4294967296) || printf('%024d', i), 1, 32)";
  const key = "'copy/' || printf('%08d', i)";
  const copy = (table: string, where: string, replaced: Record<string, string>) =>
    state.exec(
      `INSERT INTO ${table} ${numbers} SELECT ${columns(table, replaced)} FROM n, ${table} m WHERE ${where}`,
    );
  if (have >= keys) return;
  state.exec('PRAGMA foreign_keys = OFF; BEGIN');
  const model = "m.object_key = 'model'";
  const version = `(SELECT version_id FROM object WHERE object_key = 'model' LIMIT 1)`;
  copy('blob', `m.id = (SELECT blob_id FROM segment WHERE version_id = ${version})`, { id });
  copy('object_version', `m.id = ${version}`, { id, object_key: key });
  copy('segment', `m.version_id = ${version}`, { version_id: id, blob_id: id });
  copy('object', model, { object_key: key, version_id: id });
  state.exec('COMMIT');
}

async function measure(dataDir: string, keys: number): Promise<KeyCosts> {
  await using walrus = await startObjectsProcess(dataDir);
  using client = clientOf(walrus.url);
  const put = (call: number) => {
    const path = `/${BUCKET}/new/${keys}/${String(call * 7_919).slice(-3)}/${call}`;
    return client.succeed({ method: 'PUT', path, body: BODY });
  };
  await runLoad({ concurrency: 1, forMs: FOR_MS / 4 }, put);
  const { p50Ms: putMs } = await runLoad({ concurrency: 1, forMs: FOR_MS }, put);
  const times: number[] = [];
  for (let page = 0; page < PAGES; page++) {
    const after = `copy/${String(((page * 7_919) % (keys - 999)) + 0).padStart(8, '0')}`;
    const startedMs = systemClock.monotonicMs();
    await client.succeed({
      method: 'GET',
      path: `/${BUCKET}?list-type=2&prefix=copy%2F&start-after=${encodeURIComponent(after)}`,
    });
    times.push(systemClock.monotonicMs() - startedMs);
  }
  const pageMs = times.toSorted((a, b) => a - b)[PAGES >> 1]!;
  console.log(`${keys} keys: PUT ${putMs.toFixed(2)} ms, page of 1,000 ${pageMs.toFixed(1)} ms`);
  return { keys, putMs, pageMs };
}
