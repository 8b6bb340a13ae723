// Owns the S3 endpoint that the conformance tests run against: Walrus in this process, on a free port.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { type Objects, type ObjectsOptions, startObjects } from '@ironbark/objects/main.ts';
import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import { createLogger, type Logger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { Envelopes } from '@ironbark/protocol/internal/envelopes.ts';
import type { AccessKeyRecord } from '@ironbark/protocol/internal/identity-client.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import { openKeyring } from '@ironbark/storage/app/keyring.ts';
import { filesOf, type KeptBlobs, openSharedView } from './kept-blobs.ts';

export const REGION = 'local';
export const SYSTEM_ACCOUNT = '000000000000';

function account(accountId: string, accessKeyId: string, isRoot: boolean): AccessKeyRecord {
  const arn = `arn:aws:iam::${accountId}:${isRoot ? 'root' : 'user/u'}`;
  const principal = { accountId, arn, userId: accountId, isRoot };
  return { accessKeyId, secretAccessKey: `secret-of-${accessKeyId}`, principal };
}

export const KEYS = {
  owner: account('000000000001', 'AKIAOWNEROWNEROWNERO', true),
  other: account('000000000002', 'AKIAOTHEROTHEROTHERO', true),
  user: account('000000000001', 'AKIAUSERUSERUSERUSER', false),
};

export interface S3Endpoint extends KeptBlobs, AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  /** Its state and its blobs are in no files of `dataDir`. */
  readonly isShared: boolean;
  readonly objects: Objects;
  readonly log: string[];
  client(config?: S3ClientConfig): S3Client;
  /** A request as written, signed by the owner unless another key is given. */
  send(input: RawRequest): Promise<Response>;
  /** Waits until nothing is left to clean up. */
  settled(): Promise<void>;
}

export interface RawRequest {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
  payloadHash?: string;
  /** `null`: not signed at all. */
  key?: AccessKeyRecord | null;
  secret?: string;
  nowMs?: number;
}

export type EndpointSettings = Partial<
  Pick<
    ObjectsOptions,
    | 'dataDir'
    | 'database'
    | 'stallTimeoutMs'
    | 'region'
    | 'clock'
    | 'defaultOwnership'
    | 'allowsSignatureV2'
    | 'logFileBytes'
    | 'shared'
  >
> & {
  /** Files of this process, whatever the tests run on. */
  stores?: 'local';
};

/** Set by test/support/with-shared-stores.ts: what an endpoint is given that asks for nothing else. */
export const storesUnderTest: { open?: () => Promise<SharedSettings> } = {};

/** A folder that is opened again is the same state again. */
const byFolder = new Map<string, SharedSettings>();

async function findShared(
  { shared, stores }: EndpointSettings,
  dataDir: string,
): Promise<SharedSettings | undefined> {
  if (shared !== undefined || stores === 'local') return shared;
  const found = byFolder.get(dataDir) ?? (await storesUnderTest.open?.());
  if (found !== undefined) byFolder.set(dataDir, found);
  return found;
}

export async function startEndpoint(options: EndpointSettings = {}): Promise<S3Endpoint> {
  await using undo = new AsyncDisposableStack();
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'ironbark-s3-')));
  if (options.dataDir === undefined) undo.defer(() => rm(dataDir, { recursive: true }));
  const log: string[] = [];
  const logger = collectLog(log);
  const envelopes = await openTestKeyring(dataDir);
  const { stores: _, ...settings } = options;
  const shared = await findShared(options, dataDir);
  const where = { dataDir, ...(shared === undefined ? {} : { shared }) };
  const objects = undo.use(
    await startObjects({ ...fixedOptions, ...settings, ...where, logger, envelopes }),
  );
  const handler = objects.handler;
  const limits = { handlesContinue: true, requestTimeoutMs: 0 };
  const listener = undo.use(
    await listen({ address: { host: '127.0.0.1', port: 0 }, handler, logger, ...limits }),
  );
  const url = `http://127.0.0.1:${listener.port}`;
  const kept =
    shared === undefined ? await filesOf(dataDir) : undo.use(await openSharedView(shared));
  const owned = undo.move();
  return {
    url,
    dataDir,
    isShared: shared !== undefined,
    objects,
    log,
    client: (config = {}) => createClient(url, config, owned),
    send: (input) => send(url, input),
    settled: async () => {
      const options = { clock: systemClock, timeoutMs: 30_000, what: 'a quiet store' };
      await waitFor(async () => objects.isQuiet() && (await kept.isClean()), options);
    },
    ...kept,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openTestKeyring(dataDir: string): Promise<() => Envelopes> {
  const source = { path: join(dataDir, 'keyring', 'master.key') };
  const keyring = await openKeyring(source, { random: systemRandom, knownEnvelope: undefined });
  return () => keyring;
}

const fixedOptions = {
  identity: {
    findAccessKey: async (id: string) =>
      Object.values(KEYS).find((record) => record.accessKeyId === id),
  },
  region: REGION,
  clock: systemClock,
  random: systemRandom,
  systemAccountId: SYSTEM_ACCOUNT,
};

function collectLog(log: string[]): Logger {
  return createLogger({ write: (line) => log.push(line), nowMs: () => Date.now() });
}

function createClient(url: string, config: S3ClientConfig, owned: AsyncDisposableStack): S3Client {
  const client = new S3Client({
    endpoint: url,
    region: REGION,
    forcePathStyle: true,
    credentials: KEYS.owner,
    maxAttempts: 1,
    ...config,
  });
  owned.defer(async () => client.destroy());
  return client;
}

async function send(endpoint: string, input: RawRequest): Promise<Response> {
  const { method = 'GET', path, headers = {}, body = '', key = KEYS.owner } = input;
  const url = new URL(`${endpoint}${path}`);
  const signed = key === null ? headers : sign(input, key, { method, url, headers, body });
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return await fetch(url, { method, headers: signed, ...(hasBody ? { body } : {}) });
}

interface Signable {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer>;
}

function sign(
  input: RawRequest,
  key: AccessKeyRecord,
  { method, url, headers, body }: Signable,
): Record<string, string> {
  return signRequest({
    method,
    url,
    headers,
    body,
    service: 's3',
    region: REGION,
    accessKeyId: key.accessKeyId,
    secretAccessKey: input.secret ?? key.secretAccessKey,
    nowMs: input.nowMs ?? Date.now(),
    ...(input.payloadHash === undefined ? {} : { payloadHash: input.payloadHash }),
  });
}

/** The code in an S3 error document. */
export async function errorCode(response: Response): Promise<string> {
  const text = await response.text();
  return /<Code>(.*?)<\/Code>/.exec(text)?.[1] ?? `${response.status} without a code: ${text}`;
}
