// Owns the endpoint of the EBS direct APIs: signature, authorisation, dispatch, and answers in AWS's REST-JSON form.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { renderEbsError } from '@ironbark/protocol/ebs/errors.ts';
import { readEbsRequest } from '@ironbark/protocol/ebs/operations.ts';
import {
  type AuditLog,
  describeCall,
  findClaimedKey,
  NO_AUDIT,
} from '@ironbark/protocol/internal/audit-log.ts';
import type { IdentityClient, Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { verifyRequest } from '@ironbark/protocol/sigv4/verify.ts';
import type { EbsActions, EbsAnswer } from '../actions/ebs-handler.ts';
import { authorize } from '../app/access.ts';
import { TouchedResources } from './audit-resources.ts';
import { discardBody, readBody } from './read-body.ts';
import { newRequestId } from './request-id.ts';

export interface EbsEndpointOptions {
  ebs: EbsActions;
  identity: IdentityClient;
  region: string;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  audit?: AuditLog;
}

interface Exchange {
  readonly requestId: string;
  readonly request: IncomingMessage;
  readonly touched: TouchedResources;
  action?: string;
  caller?: { principal: Principal; accessKeyId: string };
}

interface Answer {
  status: number;
  body: Buffer;
  headers: Readonly<Record<string, string>>;
  code?: string;
}

/** Time without a byte in either direction after which a connection is given up. */
const STALL_TIMEOUT_MS = 60_000;

export function createEbsHandler(options: EbsEndpointOptions): HttpHandler {
  const { audit = NO_AUDIT } = options;
  return async (request, response) => {
    request.socket.setTimeout(STALL_TIMEOUT_MS);
    const requestId = newRequestId(options.random);
    const exchange: Exchange = { requestId, request, touched: new TouchedResources() };
    const answer = await answerRequest(exchange, options);
    if (answer === undefined) return;
    await audit.record(describeExchange(exchange, answer, options));
    send(response, requestId, answer);
    const { action, caller } = exchange;
    const { status, code } = answer;
    const accountId = caller?.principal.accountId;
    options.logger.info('api request', {
      requestId,
      service: 'ebs',
      action,
      accountId,
      status,
      code,
    });
  };
}

/** Undefined when the client went away before it had sent its request. */
async function answerRequest(
  exchange: Exchange,
  options: EbsEndpointOptions,
): Promise<Answer | undefined> {
  try {
    return render(await serve(exchange, options));
  } catch (error) {
    const isLate = isServiceError(error, 'timeout');
    const drained = isLate ? false : await discardBody(exchange.request).catch(() => undefined);
    if (drained === undefined || exchange.request.errored !== null) return undefined;
    logFailure(error, exchange, options.logger);
    const { status, code, body } = renderEbsError(error);
    const closing: Record<string, string> = drained ? {} : { connection: 'close' };
    return {
      status,
      code,
      body: Buffer.from(body),
      headers: { ...JSON_TYPE, ...errorType(code), ...closing },
    };
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };

function errorType(code: string): Record<string, string> {
  return { 'x-amzn-errortype': code };
}

function render(answer: EbsAnswer): Answer {
  if ('json' in answer) {
    return { status: 200, body: Buffer.from(JSON.stringify(answer.json)), headers: JSON_TYPE };
  }
  const headers = { 'content-type': 'application/octet-stream', ...answer.headers };
  return { status: 200, body: answer.bytes, headers };
}

async function serve(exchange: Exchange, options: EbsEndpointOptions): Promise<EbsAnswer> {
  const { request, requestId, touched } = exchange;
  const { method = 'GET', url = '/', rawHeaders } = request;
  const { identity, region, clock } = options;
  const verified = await verifyRequest({
    method,
    rawTarget: url,
    rawHeaders,
    services: ['ebs'],
    region,
    nowMs: clock.nowMs(),
    findAccessKey: (id) => identity.findAccessKey(id),
  });
  const body = await readBody(request);
  if (verified.payload.kind !== 'hash-body') throw new Error('unexpected payload form');
  verified.payload.check(createHash('sha256').update(body).digest('hex'));
  const { principal, accessKeyId } = verified;
  exchange.caller = { principal, accessKeyId };
  const asked = readEbsRequest(method, url);
  exchange.action = asked.operation;
  touched.takeInput([asked.snapshotId, asked.query.get('firstSnapshotId')]);
  authorize({ principal, service: 'ebs', action: asked.operation, region });
  const { accountId } = principal;
  return options.ebs({ requestId, principal, accountId, region, dryRun: false }, asked);
}

function describeExchange(exchange: Exchange, answer: Answer, options: EbsEndpointOptions) {
  const { requestId, request, action, caller, touched } = exchange;
  const { headers, socket, url = '/' } = request;
  return describeCall({
    nowMs: options.clock.nowMs(),
    service: 'ebs',
    action,
    region: options.region,
    requestId,
    sourceAddress: socket.remoteAddress,
    userAgent: headers['user-agent'],
    ...(caller === undefined
      ? { claimedKeyId: findClaimedKey(headers.authorization, url) }
      : { caller }),
    // CloudTrail's word: what these read are data.
    isManagement: false,
    resources: touched.list(options.region, caller?.principal.accountId ?? ''),
    status: answer.status,
    errorCode: answer.code,
  });
}

function logFailure(error: unknown, { requestId, action }: Exchange, logger: Logger): void {
  const facts = { requestId, service: 'ebs', action, error };
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
