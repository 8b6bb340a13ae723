// Owns the S3 endpoint: who asks, which operation, may they, then the action; and an answer whatever happens.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import type { AuditLog } from '@ironbark/protocol/internal/audit-log.ts';
import { INTERNAL_ERROR, toS3Error } from '@ironbark/protocol/s3/errors.ts';
import type { VerifiedRequest } from '@ironbark/protocol/sigv4/verify.ts';
import { readVersionId, type S3Request, type S3Response } from '../actions/action.ts';
import { getBucket, requireAccess, requireAccount, requireExpectedOwner } from '../app/access.ts';
import type { ObjectsContext } from '../app/context.ts';
import { AccessTrace } from './access-trace.ts';
import { AuditTrace } from './audit-trace.ts';
import { authenticate, type UnsignedRequest } from './authenticate.ts';
import { openBody, openFormBody } from './body.ts';
import { answerPreflight, tellOrigin } from './cross-origin.ts';
import { parseAddress, type RequestAddress } from './request.ts';
import { discardRest, type Exchange, isStream, sendError, sendResponse } from './respond.ts';
import { findRoute, notOffered } from './routes.ts';
import { findSite, serveWebsite } from './website-endpoint.ts';

export interface EndpointOptions {
  context: ObjectsContext;
  /** Host names under which a bucket may stand in front. */
  domains: readonly string[];
  /** Time without a byte in either direction after which a request is given up. */
  stallTimeoutMs: number;
  audit: AuditLog;
}

const REQUEST_ID_BYTES = 8;
const HOST_ID_BYTES = 24;

export function createS3Handler(options: EndpointOptions): HttpHandler {
  const { random } = options.context;
  const hostId = random.bytes(HOST_ID_BYTES).toString('base64');
  return async (request, response) => {
    const requestId = random.bytes(REQUEST_ID_BYTES).toString('hex').toUpperCase();
    const exchange = { request, response, requestId, hostId };
    watchStalls(exchange, options.stallTimeoutMs);
    const trace = new AuditTrace();
    const access = new AccessTrace(options.context);
    const finish = beginCount(options.context, request);
    let outcome: Outcome = { status: 0 };
    let isRecorded = false;
    const record = ({ status, errorCode }: Outcome) => {
      isRecorded = true;
      outcome = { status, ...(errorCode === undefined ? {} : { errorCode }) };
      return options.audit.record(trace.describe(exchange, options.context, outcome));
    };
    try {
      const answer = await serve(options, exchange, { trace, access });
      access.answered(answer);
      // Whether there is something to read turns out at the first byte; nothing was changed then.
      if (!isStream(answer.body)) await record(answer);
      await sendResponse(exchange, answer);
      if (isStream(answer.body)) await record(answer);
    } catch (error) {
      logFailure(options, exchange, error);
      const failed = describeOutcome(error);
      // What the call did stays what it did, where it could not be recorded in time or its answer not be sent.
      if (isRecorded) outcome = failed;
      else {
        // Who has failed is told so, also where that cannot be written down.
        await record(failed).catch((failure: unknown) => logFailure(options, exchange, failure));
      }
      sendError(exchange, error);
    }
    discardRest(exchange);
    finish(trace.operation, outcome.status);
    access.finish(exchange, trace, outcome);
  };
}

/** Connections are used again, so that their own counts go on. */
function beginCount({ clock, counters }: ObjectsContext, { socket }: IncomingMessage) {
  const startedMs = clock.monotonicMs();
  const { bytesRead, bytesWritten } = socket;
  return (operation = 'unknown', status: number) => {
    counters.count(operation, status, (clock.monotonicMs() - startedMs) / 1_000);
    const received = socket.bytesRead - bytesRead;
    counters.countBytes({ received, sent: socket.bytesWritten - bytesWritten });
  };
}

interface Outcome {
  status: number;
  errorCode?: string;
}

function describeOutcome(error: unknown): Outcome {
  const { code, status } = isServiceError(error) ? toS3Error(error) : INTERNAL_ERROR;
  return { status, errorCode: code };
}

/** Cuts a peer that stopped reading its answer. Who stops sending is answered by the reader of the body. */
function watchStalls({ request, response }: Exchange, timeoutMs: number): void {
  if (request.socket.timeout !== timeoutMs) request.socket.setTimeout(timeoutMs);
  response.on('timeout', () => {
    // Before the answer begins, the silence is ours: a long copy, a large completion.
    if (response.headersSent) request.socket.destroy();
  });
}

async function serve(
  options: EndpointOptions,
  exchange: Exchange,
  { trace, access }: { trace: AuditTrace; access: AccessTrace },
): Promise<S3Response> {
  const { context, domains } = options;
  const { request } = exchange;
  const method = request.method ?? '';
  const site = findSite(request, domains, context.region);
  if (method === 'OPTIONS') {
    const asked = parseAddress(request, domains);
    trace.address = site === undefined ? asked : { ...asked, bucket: site };
    return await answerPreflight(context, request, trace.address.bucket);
  }
  if (site !== undefined) return await serveSite(options, exchange, { trace, access, site });
  const verified = await authenticate(context, request, domains);
  if (verified.form !== 'none') trace.verified = verified;
  const address = parseAddress(request, domains);
  trace.address = address;
  const described = describeRequest({ ...exchange, verified, address, trace });
  const route = findRoute(method, address, (name) => described.header(name));
  trace.operation = route?.operation;
  const operation = route?.operation ?? 'unknown';
  if (route !== undefined && 'onAccount' in route) {
    requireAccount(verified.principal, operation, address.bucket);
    return await route.onAccount(context, { ...described, operation });
  }
  if (address.level === 'service') {
    requireAccount(verified.principal, operation);
    throw notOffered(method, address);
  }
  const bucket = await getBucket(context, { name: address.bucket });
  access.bucket = bucket;
  tellOrigin(exchange, bucket);
  const bucketRequest = { ...described, operation, bucket };
  if (route?.checksItself !== true) {
    const asked = { bucket, operation, key: address.key, versionId: readVersionId(bucketRequest) };
    await requireAccess(context, bucketRequest, asked);
  }
  requireExpectedOwner(bucket, described.header('x-amz-expected-bucket-owner'));
  if (route === undefined) throw notOffered(method, address);
  return await route.onBucket(context, bucketRequest);
}

const NOBODY: UnsignedRequest = {
  principal: undefined,
  form: 'none',
  payload: { kind: 'unsigned' },
};

async function serveSite(
  { context, domains }: EndpointOptions,
  exchange: Exchange,
  { trace, access, site }: { trace: AuditTrace; access: AccessTrace; site: string },
): Promise<S3Response> {
  const { request, requestId, hostId } = exchange;
  const address = { ...parseAddress(request, domains), bucket: site };
  trace.address = address;
  trace.operation = 'GetObject';
  return await serveWebsite(context, {
    ...{ method: request.method ?? '', site, host: request.headers.host ?? '', key: address.key },
    ...{ requestId, hostId },
    described: describeRequest({ ...exchange, verified: NOBODY, address, trace }),
    onBucket: (bucket) => {
      access.bucket = bucket;
      access.isWebsite = true;
      tellOrigin(exchange, bucket);
    },
  });
}

/** Query parameters of a presigned URL that stand for headers, but describe a body that was not there to sign. */
const NOT_HOISTED = /^x-amz-(?:checksum-|sdk-|content-sha256)/;

function describeRequest({
  request,
  response,
  verified,
  address,
  trace,
}: {
  request: IncomingMessage;
  response: ServerResponse;
  verified: VerifiedRequest | UnsignedRequest;
  address: RequestAddress;
  trace: AuditTrace;
}): Omit<S3Request, 'operation'> {
  const hoisted = verified.form === 'query' ? hoistedHeaders(address) : new Map<string, string>();
  return {
    principal: verified.principal,
    bucketName: address.bucket,
    key: address.key,
    query: address.query,
    isHostStyle: address.isHostStyle,
    header: (name) => singleHeader(request, name) ?? hoisted.get(name),
    headerNames: () => [...new Set([...Object.keys(request.headers), ...hoisted.keys()])],
    touch: (key) => trace.touch(key),
    signedBy: (signer) => {
      trace.verified = signer;
    },
    sourceAddress: request.socket.remoteAddress ?? '',
    isSecure: 'encrypted' in request.socket,
    openBody: (options) => openBody(request, response, verified.payload, options),
    openForm: ({ header }, chunks) => openFormBody(header, chunks),
  };
}

/** Presigning clients move x-amz-* headers into the query; S3 takes them from there. */
function hoistedHeaders(address: RequestAddress): ReadonlyMap<string, string> {
  const entries = [...address.query].map(([name, value]) => [name.toLowerCase(), value] as const);
  const hoisted = entries.filter(([name]) => name.startsWith('x-amz-') && !NOT_HOISTED.test(name));
  for (const entry of hoisted) requireHeader(...entry);
  return new Map(
    hoisted.map(([name, value]) => [name, Buffer.from(value).toString('latin1')] as const),
  );
}

/** What could not have come as a header is kept as none: it could not go back as one either. */
function requireHeader(name: string, value: string): void {
  if (/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && !/[\0-\x08\n-\x1f\x7f]/.test(value)) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'request',
    message: 'A query parameter that stands for a header has characters that no header may have.',
    details: { ArgumentName: JSON.stringify(name.slice(0, 64)) },
  });
}

function singleHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

/** Refusals are the caller's business, a client that went away is nobody's; everything else is ours. */
function logFailure(
  options: EndpointOptions,
  { request, requestId }: Exchange,
  error: unknown,
): void {
  const { logger } = options.context;
  const path = (request.url ?? '').split('?')[0];
  const fields = { requestId, method: request.method, path, error };
  if (!isServiceError(error)) logger.error('s3 request failed', fields);
  else if (error.kind === 'out-of-space') logger.warn('s3 request found no space', fields);
  else if (isOutage(error)) logger.warn('s3 request found the store away', fields);
  else logger.debug('s3 request refused', fields);
}

/** Of a database or an engine: what it was is in the cause. */
function isOutage({ kind, cause }: ServiceError): boolean {
  return (kind === 'unavailable' || kind === 'throttled') && cause !== undefined;
}
