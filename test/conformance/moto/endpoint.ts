// Owns the endpoint that others' tests talk to, moto's in server mode above all: every region behind one port, told apart by the scope of
// the signature, the key that the suite has, and the reset before each test.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AccountId } from '@ironbark/core/ids.ts';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import { type HttpHandler, listen } from '@ironbark/platform/http/server.ts';
import { createLogger, type Logger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { IdentityClient } from '@ironbark/protocol/internal/identity-client.ts';
import { createApiHandler } from '../../../packages/cloud/http/ec2-endpoint.ts';
import { RegionCloud } from './region-cloud.ts';

export interface RegionEndpoint extends AsyncDisposable {
  readonly url: string;
  /** Of whatever key signs. */
  readonly secretAccessKey: string;
}

/** What a suite expects to find, beside the images that moto's does. */
export interface RegionContents {
  /** Ids that public images get whose root disks are their nodes' own. */
  localImageIds?: readonly string[];
}

/** What moto's tests sign with and look for: `tests/__init__.py` and `moto/core/models.py` of moto. */
const ACCOUNT: AccountId = '123456789012';
const SECRET = 'FOOBARSECRET';
/** `tests/test_ec2/__init__.py` of moto. */
const IMAGES = ['ami-12c6146b', 'ami-03cf127a', 'ami-fa7cdd89', 'ami-f4cf1d8d'];
const DEFAULT_REGION = 'us-east-1';
const SCOPE = /Credential=[^/]+\/\d{8}\/([a-z0-9-]{4,30})\//;

interface Region {
  cloud: RegionCloud;
  handler: HttpHandler;
}

/** Some tests sign with a time of their own, which here is the time that it is: they come one after the other. */
class SignedTime implements Clock {
  #nowMs = 0;
  monotonicMs = systemClock.monotonicMs;
  sleep = systemClock.sleep;

  set({ headers }: IncomingMessage): void {
    const [, day, time] = /^(\d{8})T(\d{6})Z$/.exec(String(headers['x-amz-date'])) ?? [];
    const text = `${day?.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time?.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`;
    const signedMs = Date.parse(text);
    this.#nowMs = Number.isNaN(signedMs) ? systemClock.nowMs() : signedMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }
}

export async function startRegionEndpoint(
  onProblem: (line: string) => void,
  contents: RegionContents = {},
): Promise<RegionEndpoint> {
  const logger = createLogger({
    nowMs: () => systemClock.nowMs(),
    level: 'error',
    write: onProblem,
  });
  const time = new SignedTime();
  let regions = new Map<string, Promise<Region>>();
  const clear = async () => {
    const old = regions;
    regions = new Map();
    for (const region of old.values()) await (await region).cloud[Symbol.asyncDispose]();
  };
  const find = (name: string) => {
    const found = regions.get(name) ?? startRegion(name, { clock: time, logger, contents });
    regions.set(name, found);
    return found;
  };
  const handler: HttpHandler = async (request, response) => {
    if (request.url?.startsWith('/moto-api/')) return answerReset(request, response, clear);
    const { cloud, handler: serve } = await find(regionOf(request));
    await cloud.settle();
    time.set(request);
    await serve(request, response);
  };
  const address = { host: '127.0.0.1', port: 0 };
  const listener = await listen({ address, handler, logger, requestTimeoutMs: 0 });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    secretAccessKey: SECRET,
    [Symbol.asyncDispose]: async () => {
      await listener[Symbol.asyncDispose]();
      await clear();
    },
  };
}

async function answerReset(
  request: IncomingMessage,
  response: ServerResponse,
  clear: () => Promise<void>,
): Promise<void> {
  request.resume();
  if (request.url === '/moto-api/reset') await clear();
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"status": "ok"}');
}

function regionOf({ headers, url = '' }: IncomingMessage): string {
  const signed = headers.authorization ?? decodeURIComponent(url);
  return SCOPE.exec(signed)?.[1] ?? DEFAULT_REGION;
}

interface RegionParts {
  clock: Clock;
  logger: Logger;
  contents: RegionContents;
}

async function startRegion(
  region: string,
  { clock, logger, contents }: RegionParts,
): Promise<Region> {
  const options = { region, accountId: ACCOUNT, imageIds: IMAGES, logger };
  const cloud = await RegionCloud.start({ ...options, ...contents });
  const { ec2, sts, iam } = cloud.cloud;
  const parts = { clock, random: systemRandom, logger };
  return { cloud, handler: createApiHandler({ ec2, sts, iam, identity: OWNER, region, ...parts }) };
}

/** Whatever key the suite signs with is the account owner's. */
const OWNER: IdentityClient = {
  findAccessKey: async (accessKeyId) => ({
    accessKeyId,
    secretAccessKey: SECRET,
    principal: {
      accountId: ACCOUNT,
      arn: `arn:aws:iam::${ACCOUNT}:root`,
      userId: ACCOUNT,
      isRoot: true,
    },
  }),
};
