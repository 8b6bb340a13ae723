// Owns the workload of Walrus: PUT, overwrite, DELETE and multipart uploads through its S3 handler over HTTP, and
// writes of the cloud's own services through its client, from several callers at a time.

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MIB } from '@ironbark/core/units.ts';
import { type Objects, startObjects } from '@ironbark/objects/main.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { Value } from './promises.ts';
import { REGION, sendS3 } from './signed-s3.ts';
import { type OpenWorkload, someOf, type WorkloadInput } from './workload.ts';

const ACCOUNT = '000000000000';
const KEY = { accessKeyId: 'AKIAPOWERPOWERPOWERP', secretAccessKey: 'not a secret' };
const BUCKET = 'power';
const CALLERS = 3;
const KEYS_A_CALLER = 6;
const MAX_BYTES = 2 * MIB;
/** S3's least size of every part but the last. */
const PART_BYTES = 5 * MIB;
const QUIET_TIMEOUT_MS = 30_000;

type Kind = 'put' | 'client' | 'parts' | 'delete';

/** How often each comes up, summed from the first. */
const KINDS: readonly { kind: Kind; upTo: number }[] = [
  { kind: 'parts', upTo: 0.05 },
  { kind: 'delete', upTo: 0.2 },
  { kind: 'client', upTo: 0.3 },
  { kind: 'put', upTo: 1 },
];
const SCRIPT: readonly Kind[] = ['put', 'put', 'client', 'parts', 'delete', 'put'];

interface Walrus {
  objects: Objects;
  url: string;
  input: WorkloadInput;
}

export async function openObjects(input: WorkloadInput): Promise<OpenWorkload> {
  const objects = await openWalrus(input.folder);
  await objects.client.ensureBucket(BUCKET);
  const walrus = { objects, url: await serve(objects), input };
  return {
    read: async () => ({
      ...(await readObjects(objects, BUCKET)),
      ...Object.assign({}, ...(await listUploads(walrus)).map((upload) => upload.parts)),
    }),
    findFaults: () => findLeftovers(objects, input.folder),
    write: async () => {
      await abortUploads(walrus);
      const callers = Array.from({ length: CALLERS }, (_, n) => () => call(walrus, n));
      return await someOf(input.random, callers);
    },
    script: async () => {
      await abortUploads(walrus);
      for (const [n, kind] of SCRIPT.entries()) await change(walrus, kind, '0/1', n);
    },
  };
}

/** Also for the workload of snapshots, which live in it. */
export function openWalrus(folder: string): Promise<Objects> {
  const arn = `arn:aws:iam::${ACCOUNT}:root`;
  const principal = { accountId: ACCOUNT, arn, userId: ACCOUNT, isRoot: true };
  return startObjects({
    dataDir: join(folder, 'objects'),
    identity: { findAccessKey: async () => ({ ...KEY, principal }) },
    region: REGION,
    clock: systemClock,
    random: systemRandom,
    logger: silent,
    systemAccountId: ACCOUNT,
  });
}

/** Requests that fail at the cut are expected; what counts is what is found afterwards. */
export const silent = createLogger({ write: () => {}, nowMs: () => systemClock.nowMs() });

async function serve(objects: Objects): Promise<string> {
  const { port } = await listen({
    address: { host: '127.0.0.1', port: 0 },
    handler: objects.handler,
    logger: silent,
    handlesContinue: true,
    requestTimeoutMs: 0,
  });
  return `http://127.0.0.1:${port}/${BUCKET}`;
}

export async function readObjects(
  { client }: Objects,
  bucket: string,
): Promise<Record<string, Value>> {
  const values: Record<string, Value> = {};
  const { objects } = await client.listObjects({ bucket });
  for (const { key } of objects) {
    const { body } = await client.getObject({ bucket, key });
    const hash = createHash('sha256');
    for await (const chunk of body) hash.update(chunk as Buffer);
    values[key] = hash.digest('hex');
  }
  return values;
}

/** After the reconcilers have come to rest, every file has its row and every row somebody who refers to it. */
export async function findLeftovers(objects: Objects, folder: string): Promise<string[]> {
  const options = { clock: systemClock, timeoutMs: QUIET_TIMEOUT_MS, intervalMs: 5 };
  await waitFor(() => objects.isQuiet(), { ...options, what: 'Walrus at rest' });
  const dataDir = join(folder, 'objects');
  const entries = await readdir(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  const files = new Set(entries.filter((entry) => entry.isFile()).map((entry) => entry.name));
  const rows = new Set(queryIds(dataDir, 'SELECT id FROM blob'));
  const used = new Set(
    queryIds(dataDir, 'SELECT blob_id AS id FROM segment UNION SELECT blob_id FROM part'),
  );
  return [
    ...[...files].filter((id) => !rows.has(id)).map((id) => `blob file ${id} without a row`),
    ...[...rows].filter((id) => !files.has(id)).map((id) => `row of blob ${id} without its file`),
    ...[...rows].filter((id) => !used.has(id)).map((id) => `blob ${id} that nothing refers to`),
  ];
}

function queryIds(dataDir: string, query: string): string[] {
  using database = new DatabaseSync(join(dataDir, 'objects.sqlite'), { readOnly: true });
  return (database.prepare(query).all() as { id: string }[]).map(({ id }) => id);
}

async function call(walrus: Walrus, caller: number): Promise<never> {
  const { random } = walrus.input;
  for (let n = 0; ; n++) {
    const key = `${caller}/${Math.floor(random.fraction() * KEYS_A_CALLER)}`;
    const chance = random.fraction();
    const kind = KINDS.find(({ upTo }) => chance < upTo)!.kind;
    await change(walrus, kind, key, n);
  }
}

async function change(walrus: Walrus, kind: Kind, key: string, n: number): Promise<void> {
  const { random, session, promise } = walrus.input;
  const stamp = `${session}.${n} of ${key} `;
  const size = Math.floor(random.fraction() ** 4 * MAX_BYTES) + stamp.length;
  const body = Buffer.alloc(kind === 'parts' ? size + PART_BYTES : size, stamp);
  const digest = digestOf(body);
  if (kind === 'parts') await uploadInParts(walrus, key, body);
  else if (kind === 'delete') await promise({ [key]: null }, () => send(walrus, 'DELETE', key));
  else if (kind === 'client') {
    const put = { bucket: BUCKET, key, body };
    await promise({ [key]: digest }, () => walrus.objects.client.putObject(put));
  } else await promise({ [key]: digest }, () => send(walrus, 'PUT', key, body));
}

interface PendingUpload {
  path: string;
  /** What has been promised of it, as if each part were a key. */
  parts: Record<string, Value>;
}

/** Each part counts by itself, since a client may go on from there after any time. */
async function uploadInParts(
  walrus: Walrus,
  key: string,
  body: Buffer<ArrayBuffer>,
): Promise<void> {
  const { promise } = walrus.input;
  const begun = await (await send(walrus, 'POST', `${key}?uploads`)).text();
  const id = /<UploadId>(.*?)</.exec(begun)![1]!;
  const gone: Record<string, Value> = {};
  let list = '';
  for (const [at, part] of [body.subarray(0, PART_BYTES), body.subarray(PART_BYTES)].entries()) {
    const number = at + 1;
    const etag = createHash('md5').update(part).digest('hex');
    const path = `${key}?partNumber=${number}&uploadId=${id}`;
    await promise({ [partName(id, number)]: etag }, () => send(walrus, 'PUT', path, part));
    list += `<Part><PartNumber>${number}</PartNumber><ETag>"${etag}"</ETag></Part>`;
    gone[partName(id, number)] = null;
  }
  const document = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
  const values = { ...gone, [key]: digestOf(body) };
  await promise(values, async () => {
    const answer = await send(walrus, 'POST', `${key}?uploadId=${id}`, Buffer.from(document));
    // Its status is sent before its outcome is known.
    const outcome = await answer.text();
    if (!outcome.includes('<CompleteMultipartUploadResult')) throw new Error(outcome);
  });
}

function partName(uploadId: string, number: string | number): string {
  return `part ${number} of ${uploadId}`;
}

async function listUploads(walrus: Walrus): Promise<PendingUpload[]> {
  const list = await (await send(walrus, 'GET', '?uploads')).text();
  const found = [...list.matchAll(/<Key>(.*?)<\/Key><UploadId>(.*?)<\/UploadId>/g)];
  return await Promise.all(
    found.map(async ([, key, id]) => {
      const path = `${key}?uploadId=${id}`;
      const parts = await (await send(walrus, 'GET', path)).text();
      const pattern = /<PartNumber>(\d+)<.*?<ETag>(?:&quot;|")(.*?)(?:&quot;|")</gs;
      const values = [...parts.matchAll(pattern)].map(
        ([, number, etag]) => [partName(id!, number!), etag!] as const,
      );
      return { path, parts: Object.fromEntries(values) };
    }),
  );
}

async function abortUploads(walrus: Walrus): Promise<void> {
  for (const { path, parts } of await listUploads(walrus)) {
    const gone = Object.keys(parts).map((name) => [name, null] as const);
    await walrus.input.promise(Object.fromEntries(gone), () => send(walrus, 'DELETE', path));
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function send(
  walrus: Walrus,
  method: string,
  path: string,
  body?: Buffer<ArrayBuffer>,
): Promise<Response> {
  return sendS3(KEY, method, `${walrus.url}/${path}`, body);
}
