// Owns what every endpoint of the API does with a request: the time it may take, the proof of who sent it, the record of
// the call, the answer and what is logged.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import {
  type AuditEvent,
  type AuditLog,
  describeCall,
  findClaimedKey,
  NO_AUDIT,
} from '@ironbark/protocol/internal/audit-log.ts';
import type { IdentityClient, Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { UNSIGNED_PAYLOAD } from '@ironbark/protocol/sigv4/payload.ts';
import { type VerifiedRequest, verifyRequest } from '@ironbark/protocol/sigv4/verify.ts';
import type { RequestFacts } from '../app/call-conditions.ts';
import { TouchedResources } from './audit-resources.ts';
import { discardBody, readBody } from './read-body.ts';
import type { RequestBuckets } from './request-buckets.ts';
import { newRequestId } from './request-id.ts';

export interface ExchangeOptions {
  identity: IdentityClient;
  region: string;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  /** Takes a record of every call, refused ones too. Default: nobody does. */
  audit?: AuditLog;
  /** How often an account may call. Default: as often as it likes. */
  buckets?: RequestBuckets;
}

type ServiceName = Parameters<typeof describeCall>[0]['service'];

/** One request on its way; filled in as more becomes known, for the log. */
export interface Exchange<Service extends ServiceName = ServiceName> {
  readonly requestId: string;
  readonly request: IncomingMessage;
  readonly touched: TouchedResources;
  service: Service;
  action?: string;
  /** Present once the signature was found to be right. */
  caller?: { principal: Principal; accessKeyId: string };
}

export interface Answer {
  status: number;
  body: Buffer;
  headers: Readonly<Record<string, string>>;
  /** AWS's name of the error. */
  code?: string;
}

/** What one endpoint does in its own way. */
export interface Endpoint<Service extends ServiceName> {
  /** Only chooses the form of an error until the signature has said it with certainty. */
  guessService(request: IncomingMessage): Service;
  serve(exchange: Exchange<Service>): Promise<Answer>;
  renderError(error: unknown, exchange: Exchange<Service>): Answer;
  /** CloudTrail's word: its calls read and write data, and change no resource. */
  isDataPlane?: boolean;
}

/** Time without a byte in either direction after which a connection is given up. */
const STALL_TIMEOUT_MS = 60_000;

export function createExchangeHandler<Service extends ServiceName>(
  endpoint: Endpoint<Service>,
  options: ExchangeOptions,
): HttpHandler {
  const { audit = NO_AUDIT } = options;
  return async (request, response) => {
    // Who does not read the answer does not hold it for ever.
    request.socket.setTimeout(STALL_TIMEOUT_MS);
    const startedAt = options.clock.monotonicMs();
    const exchange: Exchange<Service> = {
      requestId: newRequestId(options.random),
      request,
      service: endpoint.guessService(request),
      touched: new TouchedResources(),
    };
    const answer = await answerRequest(endpoint, exchange, options.logger);
    if (answer === undefined) return;
    const isManagement = endpoint.isDataPlane !== true && exchange.caller !== undefined;
    await audit.record(describeExchange(exchange, answer, { options, isManagement }));
    send(response, exchange.requestId, answer);
    logRequest(exchange, answer, { options, startedAt });
  };
}

/** Undefined when the client went away before it had sent its request. */
async function answerRequest<Service extends ServiceName>(
  endpoint: Endpoint<Service>,
  exchange: Exchange<Service>,
  logger: Logger,
): Promise<Answer | undefined> {
  try {
    return await endpoint.serve(exchange);
  } catch (error) {
    const isLate = isServiceError(error, 'timeout');
    const drained = isLate ? false : await discardBody(exchange.request).catch(() => undefined);
    if (drained === undefined || exchange.request.errored !== null) return undefined;
    logFailure(error, exchange, logger);
    const answer = endpoint.renderError(error, exchange);
    if (drained) return answer;
    return { ...answer, headers: { ...answer.headers, connection: 'close' } };
  }
}

/** Who sent it, as its signature says. */
export async function verify<Service extends ServiceName>(
  { request }: Exchange<Service>,
  { services, options }: { services: readonly Service[]; options: ExchangeOptions },
): Promise<VerifiedRequest> {
  return await verifyRequest({
    method: request.method ?? 'GET',
    rawTarget: request.url ?? '/',
    rawHeaders: request.rawHeaders,
    services,
    region: options.region,
    nowMs: options.clock.nowMs(),
    findAccessKey: (accessKeyId) => options.identity.findAccessKey(accessKeyId),
  });
}

/** The clients of these services send no hash of their own: the signature is over the body itself. */
export async function readSignedBody<Service extends ServiceName>(
  exchange: Exchange<Service>,
  { payload, principal, accessKeyId, service, region }: VerifiedRequest,
  { options, mayBeUnsigned = false }: { options: ExchangeOptions; mayBeUnsigned?: boolean },
): Promise<Buffer> {
  const body = await readBody(exchange.request);
  if (payload.kind !== 'hash-body') throw new Error(`unexpected payload form ${payload.kind}`);
  // The signature says so itself; what the body is has to be checked in another way then.
  const isUnsigned =
    mayBeUnsigned && exchange.request.headers['x-amz-content-sha256'] === UNSIGNED_PAYLOAD;
  const digest = () => createHash('sha256').update(body).digest('hex');
  payload.check(isUnsigned ? UNSIGNED_PAYLOAD : digest());
  exchange.caller = { principal, accessKeyId };
  const use = { service, region, atMs: options.clock.nowMs() };
  options.identity.noteUse?.(accessKeyId, use);
  return body;
}

/** What conditions of policies may ask of it. */
export function describeRequest({ headers, socket }: IncomingMessage): RequestFacts {
  return { sourceAddress: socket.remoteAddress, userAgent: headers['user-agent'] };
}

function describeExchange(
  { requestId, request, service, action, caller, touched }: Exchange,
  answer: Answer,
  { options, isManagement }: { options: ExchangeOptions; isManagement: boolean },
): AuditEvent {
  const { headers, socket, url = '/' } = request;
  return describeCall({
    nowMs: options.clock.nowMs(),
    service,
    action,
    region: options.region,
    requestId,
    sourceAddress: socket.remoteAddress,
    userAgent: headers['user-agent'],
    ...(caller === undefined
      ? { claimedKeyId: findClaimedKey(headers.authorization, url) }
      : { caller }),
    // Anybody can send what is refused unproven: it must not push out the records of what happened.
    isManagement,
    resources: touched.list(options.region, caller?.principal.accountId ?? ''),
    status: answer.status,
    errorCode: answer.code,
  });
}

function logRequest(
  { requestId, service, action, caller }: Exchange,
  { status, code }: Answer,
  { options, startedAt }: { options: ExchangeOptions; startedAt: number },
): void {
  const accountId = caller?.principal.accountId;
  const durationMs = Math.round(options.clock.monotonicMs() - startedAt);
  const facts = { requestId, service, action, accountId, status, code, durationMs };
  options.logger.info('api request', facts);
}

/** What the caller did wrong is the caller's; anything else is ours and told once with its chain. */
function logFailure(error: unknown, exchange: Exchange, logger: Logger): void {
  const { requestId, service, action } = exchange;
  const facts = { requestId, service, action, error };
  if (!isServiceError(error) || error.kind === 'internal') logger.error('api action failed', facts);
  else if (error.cause !== undefined) logger.warn('api request refused', facts);
}

function send(
  response: ServerResponse,
  requestId: string,
  { status, body, headers }: Answer,
): void {
  response.writeHead(status, {
    'content-length': body.length,
    'cache-control': 'no-cache, no-store',
    'x-amzn-requestid': requestId,
    ...headers,
  });
  response.end(body);
}
