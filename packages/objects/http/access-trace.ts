// Owns what a bucket's access log is told of a request, once it is answered.

import type { IncomingMessage } from 'node:http';
import { accessLogOperation, renderAccessLogLine } from '@ironbark/protocol/s3/access-log.ts';
import type { S3Response } from '../actions/action.ts';
import type { Bucket } from '../app/bucket-settings.ts';
import type { ObjectsContext } from '../app/context.ts';
import type { AuditTrace } from './audit-trace.ts';
import type { Exchange } from './respond.ts';
import { maskUrlSecrets } from './url-secrets.ts';

type AccessLogContext = Pick<ObjectsContext, 'clock' | 'accessLogs'>;

export class AccessTrace {
  /** Whom the request turned out to be about. */
  bucket: Bucket | undefined;
  isWebsite = false;
  readonly #context: AccessLogContext;
  readonly #startedAt: number;
  readonly #startedMs: number;
  #turnAroundMs: number | undefined;
  #answer: S3Response | undefined;

  constructor(context: AccessLogContext) {
    this.#context = context;
    this.#startedAt = context.clock.nowMs();
    this.#startedMs = context.clock.monotonicMs();
  }

  /** The answer is known, and about to be sent. */
  answered(answer: S3Response): void {
    this.#answer = answer;
    this.#turnAroundMs = this.#elapsedMs();
  }

  #elapsedMs(): number {
    return this.#context.clock.monotonicMs() - this.#startedMs;
  }

  /** After the last byte. */
  finish(
    { request, requestId, hostId, sentBytes = 0 }: Exchange,
    { operation, verified, address }: AuditTrace,
    { status, errorCode }: { status: number; errorCode?: string },
  ): void {
    const { bucket } = this;
    if (bucket?.settings.has('logging') !== true || address === undefined) return;
    const { method = '', url = '', headers, httpVersion, socket } = request;
    const { key, query } = address;
    const isObject = address.level === 'object';
    const totalMs = this.#elapsedMs();
    const text = renderAccessLogLine({
      ...{ bucketOwner: bucket.account_id, bucket: bucket.name, timeMs: this.#startedAt },
      ...{ remoteIp: socket.remoteAddress, requester: requesterOf(verified), requestId, hostId },
      operation: accessLogOperation({
        ...{ method, operation, isObject, query },
        isWebsite: this.isWebsite,
      }),
      key: isObject ? key : undefined,
      requestUri: `${method} ${maskUrlSecrets(url)} HTTP/${httpVersion}`,
      ...{ status, errorCode, bytesSent: sentBytes, totalMs },
      objectBytes: isObject ? this.#objectBytes(request) : undefined,
      turnAroundMs: this.#turnAroundMs ?? totalMs,
      referer: headers.referer === undefined ? undefined : maskUrlSecrets(headers.referer),
      ...{ userAgent: headers['user-agent'], hostHeader: headers.host },
      versionId: this.#answer?.headers?.['x-amz-version-id'] ?? query.get('versionId'),
      ...describeSignature(request, query),
    });
    this.#context.accessLogs.add(bucket.id, { timeMs: this.#startedAt, text });
  }

  /** Of the whole object, where the request brought it or asked for it. */
  #objectBytes({ method, headers }: IncomingMessage): number | undefined {
    const { body, headers: given = {} } = this.#answer ?? {};
    const ofRange = given['content-range']?.split('/')[1];
    if (ofRange !== undefined) return Number(ofRange);
    if (body instanceof Uint8Array) return body.length;
    if (typeof body === 'object') return body.sizeBytes;
    if (method === 'HEAD') return toNumber(given['content-length']);
    if (method !== 'PUT') return undefined;
    const decoded = headers['x-amz-decoded-content-length'];
    return toNumber(decoded === undefined ? headers['content-length'] : String(decoded));
  }
}

function toNumber(text: string | undefined): number | undefined {
  return text === undefined || !/^\d{1,15}$/.test(text) ? undefined : Number(text);
}

function requesterOf(verified: AuditTrace['verified']): string | undefined {
  if (verified === undefined) return undefined;
  const { isRoot, accountId, arn } = verified.principal;
  return isRoot ? accountId : arn;
}

function describeSignature({ headers }: IncomingMessage, query: ReadonlyMap<string, string>) {
  const { authorization } = headers;
  if (authorization !== undefined) {
    const isV4 = authorization.startsWith('AWS4-');
    return { signatureVersion: isV4 ? 'SigV4' : 'SigV2', authentication: 'AuthHeader' } as const;
  }
  const isV4 = query.has('X-Amz-Signature');
  const authentication = isV4 || query.has('Signature') ? 'QueryString' : undefined;
  const signatureVersion = isV4 ? 'SigV4' : authentication && 'SigV2';
  return { signatureVersion, authentication } as const;
}
