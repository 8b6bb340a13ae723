// Owns the metadata service, versions 1 and 2, as EC2 answers at 169.254.169.254. A guest is known by its source
// address, which its port's filter lets it not change, or in user mode by an unguessable first part of the path.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { type HttpListener, listen } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { MAX_TOKEN_TTL_SECONDS, MetadataTokens } from '../app/metadata-tokens.ts';
import {
  buildMetadataTree,
  findMetadata,
  primaryAddress,
  renderListing,
} from '../app/metadata-tree.ts';
import { isMetadataVersion, METADATA_VERSIONS } from '../app/metadata-versions.ts';
import {
  type GuestVolumeDesk,
  hearWord,
  isAboutVolumes,
  readVolumeList,
} from './guest-volume-answers.ts';

export interface MetadataServiceOptions {
  /** `0.0.0.0` behind the filters of a bridge network, `127.0.0.1` in user mode. */
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** A socket that is bound already, in the name space of a VPC; absent: one of `host` and `port`. */
  fd?: number;
  /** False while instances are not known yet: guests are told to come again, not that there is nothing. */
  isReady?: () => boolean;
  findInstanceByAddress(address: string): InstanceIntent | undefined;
  /** User mode: the first part of every path is the instance's secret. */
  findInstanceBySecret?: (secret: string) => InstanceIntent | undefined;
  /** Lets a connection's packets go so many hops; undefined where packets do not come from the guest itself. */
  limitHops: ((socket: Socket, hops: number) => void) | undefined;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  /** A sign of life from inside the guest. */
  onRead(id: InstanceId): void;
  /** Absent: guests of this node drive no volumes. */
  volumes?: GuestVolumeDesk;
}

/** A few parallel clients of one guest; a guest that wants more waits for itself, not the others for it. */
const MAX_CONNECTIONS_PER_GUEST = 64;
/** Requests are a few hundred bytes; a slower one holds a connection for nothing. */
const REQUEST_TIMEOUT_MS = 20_000;
const TOKEN_PATH = 'latest/api/token';
const TOKEN_HEADER = 'x-aws-ec2-metadata-token';
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds';

export function startMetadataService(options: MetadataServiceOptions): Promise<HttpListener> {
  const tokens = new MetadataTokens(options);
  const isShared = options.findInstanceBySecret !== undefined;
  return listen({
    address:
      options.fd === undefined ? { host: options.host, port: options.port } : { fd: options.fd },
    logger: options.logger,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    ...(isShared ? {} : { maxConnectionsPerAddress: MAX_CONNECTIONS_PER_GUEST }),
    handler: async (request, response) => {
      send(request, response, await answer(options, tokens, request));
    },
  });
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  contentType?: string;
  body?: string | Uint8Array;
}

interface Asked {
  instance: InstanceIntent;
  /** What stands before the version in every path of this guest. */
  prefix: string;
  path: string[];
  query: string;
  hasFinalSlash: boolean;
}

async function answer(
  options: MetadataServiceOptions,
  tokens: MetadataTokens,
  request: IncomingMessage,
): Promise<Answer> {
  if (options.isReady?.() === false) return failure(503);
  const asked = identify(options, request);
  if (asked === 'malformed') return failure(400);
  if (asked === undefined) return failure(404);
  options.onRead(asked.instance.id);
  if (asked.instance.metadata.options.endpoint === 'disabled') return failure(403);
  const isToken = asked.path.join('/') === TOKEN_PATH;
  if (request.method === 'PUT' && isToken) return issueToken(options, tokens, request, asked);
  if (isAboutVolumes(asked.path) && options.volumes !== undefined) {
    return await aboutVolumes({ ...options, desk: options.volumes }, tokens, request, asked);
  }
  if (isToken || !['GET', 'HEAD'].includes(request.method ?? '')) {
    return { ...failure(405), headers: { allow: isToken ? 'PUT' : 'GET, HEAD' } };
  }
  return read(tokens, request, asked);
}

function identify(
  options: MetadataServiceOptions,
  request: IncomingMessage,
): Asked | 'malformed' | undefined {
  const [raw = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const path = decodePath(raw);
  if (path === undefined) return 'malformed';
  const hasFinalSlash = raw.endsWith('/');
  if (options.findInstanceBySecret !== undefined) {
    const secret = path.shift();
    const instance = secret === undefined ? undefined : options.findInstanceBySecret(secret);
    return instance && { instance, prefix: `/${secret}`, path, query, hasFinalSlash };
  }
  const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const instance = options.findInstanceByAddress(address);
  return instance && { instance, prefix: '', path, query, hasFinalSlash };
}

function decodePath(raw: string): string[] | undefined {
  if (!raw.startsWith('/')) return undefined;
  try {
    return raw.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function issueToken(
  options: MetadataServiceOptions,
  tokens: MetadataTokens,
  request: IncomingMessage,
  { instance }: Asked,
): Answer {
  // A proxy that was tricked into asking says so in this header.
  if (request.headers['x-forwarded-for'] !== undefined) return failure(403);
  const asked = String(request.headers[TTL_HEADER] ?? '');
  const ttl = /^\d{1,5}$/.test(asked) ? Number(asked) : 0;
  if (ttl < 1 || ttl > MAX_TOKEN_TTL_SECONDS) return failure(400);
  options.limitHops?.(request.socket, instance.metadata.options.hopLimit);
  return {
    status: 200,
    headers: { [TTL_HEADER]: String(ttl) },
    body: tokens.issue(instance.id, ttl),
  };
}

/** Always with a token: a word that somebody else could have spoken would take a volume from its guest. */
async function aboutVolumes(
  { desk, clock, findInstanceByAddress }: MetadataServiceOptions & { desk: GuestVolumeDesk },
  tokens: MetadataTokens,
  request: IncomingMessage,
  { instance, path, query }: Asked,
): Promise<Answer> {
  const token = request.headers[TOKEN_HEADER];
  if (token === undefined || tokens.verify(instance.id, String(token)) === undefined) {
    return failure(401);
  }
  if (request.method === 'PUT') {
    const status = hearWord(desk, instance, path);
    return status === 200 ? { status, body: '' } : failure(status);
  }
  if (request.method !== 'GET' || path.length !== 3) {
    return failure(path.length === 3 ? 405 : 404);
  }
  const after = new URLSearchParams(query).get('after');
  // While the guest waits its intent is replaced by newer ones.
  const address = primaryAddress(instance);
  const find = () => findInstanceByAddress(address) ?? instance;
  return { status: 200, body: await readVolumeList(desk, { find, after, clock }) };
}

function read(tokens: MetadataTokens, request: IncomingMessage, asked: Asked): Answer {
  const { instance } = asked;
  const token = request.headers[TOKEN_HEADER];
  if (token === undefined) {
    const isRequired = instance.metadata.options.tokens === 'required';
    return isRequired ? failure(401) : find(asked);
  }
  const left = tokens.verify(instance.id, String(token));
  if (left === undefined) return failure(401);
  const found = find(asked);
  return { ...found, headers: { ...found.headers, [TTL_HEADER]: String(left) } };
}

/** A directory without its final slash is redirected, a leaf with one is served, both as EC2 does. */
function find({ instance, prefix, path, hasFinalSlash }: Asked): Answer {
  const [version, ...rest] = path;
  if (version === undefined) return { status: 200, body: METADATA_VERSIONS.join('\n') };
  if (!isMetadataVersion(version)) return failure(404);
  const node = findMetadata(buildMetadataTree(instance), rest);
  if (node === undefined) return failure(404);
  if (node.kind === 'leaf') {
    return { status: 200, contentType: node.contentType, body: node.bytes };
  }
  if (hasFinalSlash) return { status: 200, body: renderListing(node) };
  const location = `${prefix}/${path.map(encodeURIComponent).join('/')}/`;
  return { status: 301, headers: { location }, body: '' };
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  503: 'Service Unavailable',
};

function failure(status: number): Answer {
  const title = `${status} - ${TITLES[status]}`;
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return { status, contentType: 'text/html', body };
}

/** EC2 closes after each answer; it also keeps a token's hop limit to the connection that asked for it. */
function send(request: IncomingMessage, response: ServerResponse, given: Answer): void {
  const body = Buffer.from(given.body ?? '');
  response.writeHead(given.status, {
    server: 'EC2ws',
    'content-type': given.contentType ?? 'text/plain',
    'content-length': body.length,
    connection: 'close',
    ...given.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
