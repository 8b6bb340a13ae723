// Owns the workload of Walrus: PUT, overwrite, DELETE and multipart uploads through its S3 handler over HTTP, encrypted
// ones among them, and writes of the cloud's own services through its client, from several callers at a time. One of them
// has a bucket that keeps versions.

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
import { openKeyring } from '@ironbark/storage/app/keyring.ts';
import type { Value } from './promises.ts';
import { REGION, sendS3 } from './signed-s3.ts';
import { type OpenWorkload, someOf, type WorkloadInput } from './workload.ts';

const ACCOUNT = '000000000000';
const KEY = { accessKeyId: 'AKIAPOWERPOWERPOWERP', secretAccessKey: 'not a secret' };
const BUCKET = 'power';
/** Keeps versions; of the keys of one caller. */
const LAYERED = 'power-versions';
const LAYERED_CALLER = 1;
const CALLERS = 3;
const KEYS_A_CALLER = 6;
const MAX_BYTES = 2 * MIB;
/** S3's least size of every part but the last. */
const PART_BYTES = 5 * MIB;
const QUIET_TIMEOUT_MS = 30_000;
/** So that files of the log become full, and are rewritten, all the time. */
const LOG_FILE_BYTES = MIB / 2;

type Kind = 'put' | 'sealed' | 'client' | 'parts' | 'delete';

/** How often each comes up, summed from the first. */
const KINDS: readonly { kind: Kind; upTo: number }[] = [
  { kind: 'parts', upTo: 0.05 },
  { kind: 'delete', upTo: 0.2 },
  { kind: 'client', upTo: 0.3 },
  { kind: 'sealed', upTo: 0.5 },
  { kind: 'put', upTo: 1 },
];
const SCRIPT: readonly Kind[] = ['put', 'sealed', 'client', 'parts', 'delete', 'put'];
const LAYERED_SCRIPT: readonly Kind[] = ['put', 'delete', 'sealed', 'put'];
const SEALED = { 'x-amz-server-side-encryption': 'AES256' };

interface Walrus {
  objects: Objects;
  url: string;
  input: WorkloadInput;
}

export async function openObjects(input: WorkloadInput): Promise<OpenWorkload> {
  const objects = await openWalrus(input.folder);
  for (const bucket of [BUCKET, LAYERED]) await objects.client.ensureBucket(bucket);
  const walrus = { objects, url: await serve(objects), input };
  const versioned = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await sendS3(KEY, 'PUT', `${walrus.url}/${LAYERED}?versioning`, Buffer.from(versioned));
  return {
    read: async () => ({
      ...(await readObjects(objects, BUCKET)),
      ...(await readObjects(objects, LAYERED)),
      ...Object.assign({}, ...(await listUploads(walrus)).map((upload) => upload.parts)),
    }),
    findFaults: () => findLeftovers(objects, input.folder),
    write: async () => {
      await abortUploads(walrus);
      await dropOldVersions(walrus);
      const callers = Array.from({ length: CALLERS }, (_, n) => () => call(walrus, n));
      return await someOf(input.random, callers);
    },
    script: async () => {
      await abortUploads(walrus);
      for (const [n, kind] of SCRIPT.entries()) await change(walrus, kind, '0/1', n);
      for (const [n, kind] of LAYERED_SCRIPT.entries()) await change(walrus, kind, '1/1', n);
    },
  };
}

/** Also for the workload of snapshots, which live in it. */
export async function openWalrus(folder: string): Promise<Objects> {
  const source = { path: join(folder, 'keyring', 'master.key') };
  const keyring = await openKeyring(source, { random: systemRandom, knownEnvelope: undefined });
  const arn = `arn:aws:iam::${ACCOUNT}:root`;
  const principal = { accountId: ACCOUNT, arn, userId: ACCOUNT, isRoot: true };
  return await startObjects({
    dataDir: join(folder, 'objects'),
    envelopes: () => keyring,
    identity: { findAccessKey: async () => ({ ...KEY, principal }) },
    region: REGION,
    clock: systemClock,
    random: systemRandom,
    logger: silent,
    systemAccountId: ACCOUNT,
    logFileBytes: LOG_FILE_BYTES,
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
  return `http://127.0.0.1:${port}`;
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
  const rows = new Set(queryIds(dataDir, 'SELECT id FROM blob WHERE log_file IS NULL'));
  const logged = queryIds(dataDir, 'SELECT id FROM blob WHERE log_file IS NOT NULL');
  const used = new Set(
    queryIds(dataDir, 'SELECT blob_id AS id FROM segment UNION SELECT blob_id FROM part'),
  );
  return [
    ...[...files].filter((id) => !rows.has(id)).map((id) => `blob file ${id} without a row`),
    ...[...rows].filter((id) => !files.has(id)).map((id) => `row of blob ${id} without its file`),
    ...[...rows, ...logged]
      .filter((id) => !used.has(id))
      .map((id) => `blob ${id} that nothing refers to`),
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
    const put = { bucket: bucketOf(key), key, body };
    await promise({ [key]: digest }, () => walrus.objects.client.putObject(put));
  } else {
    const headers = kind === 'sealed' ? SEALED : {};
    const address = `${walrus.url}/${bucketOf(key)}/${key}`;
    await promise({ [key]: digest }, () => sendS3(KEY, 'PUT', address, body, headers));
  }
}

function bucketOf(key: string): string {
  return key.startsWith(`${LAYERED_CALLER}/`) ? LAYERED : BUCKET;
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
  const lists = await Promise.all(
    [BUCKET, LAYERED].map(async (bucket) => {
      const answer = await sendS3(KEY, 'GET', `${walrus.url}/${bucket}?uploads`);
      return await answer.text();
    }),
  );
  const list = lists.join('');
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

/** Those that nobody sees, so nothing is promised of them: fifty sessions of them would fill the disk. */
async function dropOldVersions({ url }: Walrus): Promise<void> {
  const list = await (await sendS3(KEY, 'GET', `${url}/${LAYERED}?versions`)).text();
  const pattern = /<Key>([^<]*)<\/Key><VersionId>([^<]*)<\/VersionId><IsLatest>false</g;
  const old = [...list.matchAll(pattern)].map(([, key, id]) => `${key}?versionId=${id}`);
  await Promise.all(old.map((path) => sendS3(KEY, 'DELETE', `${url}/${LAYERED}/${path}`)));
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
  return sendS3(KEY, method, `${walrus.url}/${bucketOf(path)}/${path}`, body);
}
