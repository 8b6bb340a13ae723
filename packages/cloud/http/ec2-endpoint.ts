// Owns the API endpoint of EC2 and STS: limits, signature, dispatch, and errors in each protocol's form.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { EC2_PROTOCOL } from '@ironbark/protocol/ec2/protocol.ts';
import {
  type AuditEvent,
  type AuditLog,
  describeCall,
  findClaimedKey,
  NO_AUDIT,
} from '@ironbark/protocol/internal/audit-log.ts';
import type { IdentityClient, Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { type VerifiedRequest, verifyRequest } from '@ironbark/protocol/sigv4/verify.ts';
import { STS_PROTOCOL } from '@ironbark/protocol/sts/protocol.ts';
import type { ActionTable } from '../actions/action.ts';
import { TouchedResources } from './audit-resources.ts';
import { type ApiService, dispatch } from './dispatch.ts';
import { discardBody, readBody } from './read-body.ts';
import { newRequestId } from './request-id.ts';

export interface ApiOptions {
  ec2: ActionTable;
  sts: ActionTable;
  identity: IdentityClient;
  region: string;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  /** Takes a record of every call, refused ones too. Default: nobody does. */
  audit?: AuditLog;
}

type ServiceName = 'ec2' | 'sts';
type Services = Readonly<Record<ServiceName, ApiService>>;

/** One request on its way; filled in as more becomes known, for the log. */
interface Exchange {
  readonly requestId: string;
  readonly request: IncomingMessage;
  readonly touched: TouchedResources;
  service: ServiceName;
  action?: string;
  /** Present once the signature was found to be right. */
  caller?: { principal: Principal; accessKeyId: string };
}

interface Answer {
  status: number;
  body: string;
  code?: string;
  mustClose?: boolean;
}

/** Time without a byte in either direction after which a connection is given up. */
const STALL_TIMEOUT_MS = 60_000;

export function createApiHandler(options: ApiOptions): HttpHandler {
  const services: Services = {
    ec2: { name: 'ec2', protocol: EC2_PROTOCOL, actions: options.ec2 },
    sts: { name: 'sts', protocol: STS_PROTOCOL, actions: options.sts },
  };
  const { audit = NO_AUDIT } = options;
  return async (request, response) => {
    // Who does not read the answer does not hold it for ever.
    request.socket.setTimeout(STALL_TIMEOUT_MS);
    const startedAt = options.clock.monotonicMs();
    const requestId = newRequestId(options.random);
    const service = guessService(request);
    const exchange: Exchange = { requestId, request, service, touched: new TouchedResources() };
    const answer = await answerRequest(exchange, services, options);
    if (answer === undefined) return;
    await audit.record(describeExchange(exchange, answer, options));
    send(response, requestId, answer);
    logRequest(exchange, answer, { options, startedAt });
  };
}

function logRequest(
  { requestId, service, action, caller }: Exchange,
  { status, code }: Answer,
  { options, startedAt }: { options: ApiOptions; startedAt: number },
): void {
  const accountId = caller?.principal.accountId;
  const durationMs = Math.round(options.clock.monotonicMs() - startedAt);
  const facts = { requestId, service, action, accountId, status, code, durationMs };
  options.logger.info('api request', facts);
}

function describeExchange(exchange: Exchange, answer: Answer, options: ApiOptions): AuditEvent {
  const { requestId, request, service, action, caller, touched } = exchange;
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
    isManagement: caller !== undefined,
    resources: touched.list(options.region, caller?.principal.accountId ?? ''),
    status: answer.status,
    errorCode: answer.code,
  });
}

/** Undefined when the client went away before it had sent its request. */
async function answerRequest(
  exchange: Exchange,
  services: Services,
  options: ApiOptions,
): Promise<Answer | undefined> {
  try {
    return { status: 200, body: await serve(exchange, services, options) };
  } catch (error) {
    const isLate = isServiceError(error, 'timeout');
    const drained = isLate ? false : await discardBody(exchange.request).catch(() => undefined);
    if (drained === undefined || exchange.request.errored !== null) return undefined;
    logFailure(error, exchange, options.logger);
    const { protocol } = services[exchange.service];
    return { ...protocol.renderError(error, exchange.requestId), mustClose: !drained };
  }
}

async function serve(exchange: Exchange, services: Services, options: ApiOptions): Promise<string> {
  const { request, requestId } = exchange;
  const verified = await verify(request, options);
  exchange.service = verified.service as ServiceName;
  requireForm(request);
  const body = await readBody(request);
  checkBody(verified, body);
  const { principal, accessKeyId } = verified;
  exchange.caller = { principal, accessKeyId };
  return await dispatch(services[exchange.service], {
    requestId,
    principal,
    region: options.region,
    sources: [targetQuery(request), body.toString('utf8')],
    touched: exchange.touched,
    onAction: (action) => {
      exchange.action = action;
    },
  });
}

async function verify(request: IncomingMessage, options: ApiOptions): Promise<VerifiedRequest> {
  return await verifyRequest({
    method: request.method ?? 'GET',
    rawTarget: request.url ?? '/',
    rawHeaders: request.rawHeaders,
    services: ['ec2', 'sts'] satisfies ServiceName[],
    region: options.region,
    nowMs: options.clock.nowMs(),
    findAccessKey: (accessKeyId) => options.identity.findAccessKey(accessKeyId),
  });
}

/** The clients of these services send no hash of their own: the signature is over the body itself. */
function checkBody({ payload }: VerifiedRequest, body: Buffer): void {
  if (payload.kind !== 'hash-body') throw new Error(`unexpected payload form ${payload.kind}`);
  payload.check(createHash('sha256').update(body).digest('hex'));
}

const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/** GET with everything in the query string, or POST of a form; SOAP and JSON are other protocols. */
function requireForm(request: IncomingMessage): void {
  const [path] = (request.url ?? '/').split('?', 1);
  const { method, headers } = request;
  const isForm = headers['content-type'] === undefined || FORM.test(headers['content-type']);
  if (path === '/' && (method === 'GET' || (method === 'POST' && isForm))) return;
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'request',
    message:
      'This endpoint takes GET and POST requests to / in the AWS query protocol ' +
      '(application/x-www-form-urlencoded); SOAP and others are not supported.',
  });
}

function targetQuery(request: IncomingMessage): string {
  const target = request.url ?? '/';
  const at = target.indexOf('?');
  return at < 0 ? '' : target.slice(at + 1);
}

/** Only chooses the form of an error until the signature has said it with certainty. */
function guessService(request: IncomingMessage): ServiceName {
  const query = targetQuery(request);
  const signed = request.headers.authorization ?? query;
  const isSts = /(\/|%2F)sts(\/|%2F)aws4_request/i.test(signed) || /Version=2011-06-15/.test(query);
  return isSts ? 'sts' : 'ec2';
}

/** What the caller did wrong is the caller's; anything else is ours and told once with its chain. */
function logFailure(error: unknown, exchange: Exchange, logger: Logger): void {
  const { requestId, service, action } = exchange;
  const facts = { requestId, service, action, error };
  if (!isServiceError(error) || error.kind === 'internal') logger.error('api action failed', facts);
  else if (error.cause !== undefined) logger.warn('api request refused', facts);
}

function send(response: ServerResponse, requestId: string, answer: Answer): void {
  const body = Buffer.from(answer.body, 'utf8');
  response.writeHead(answer.status, {
    'content-type': 'text/xml;charset=UTF-8',
    'content-length': body.length,
    'cache-control': 'no-cache, no-store',
    'x-amzn-requestid': requestId,
    ...(answer.mustClose === true ? { connection: 'close' } : {}),
  });
  response.end(body);
}
