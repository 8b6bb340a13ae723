// Owns how answers are sent: documents, streams with backpressure, and errors.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isServiceError, type ServiceError } from '@ironbark/core/errors.ts';
import { giveBack } from '@ironbark/platform/blocks.ts';
import { INTERNAL_ERROR, renderErrorDocument, toS3Error } from '@ironbark/protocol/s3/errors.ts';
import { quoteEtag } from '@ironbark/protocol/s3/list-results.ts';
import type { ByteStream, S3Response } from '../actions/action.ts';

/** One request with its answer. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  hostId: string;
  /** Of the answer's body, once it is sent. */
  sentBytes?: number;
}

export async function sendResponse(exchange: Exchange, result: S3Response): Promise<void> {
  const { body = '' } = result;
  if (isStream(body)) await sendStream(exchange, result, body);
  else sendDocument(exchange, result, body);
}

/** Bytes that come in pieces. */
export function isStream(body: S3Response['body']): body is ByteStream {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}

function sendDocument(exchange: Exchange, result: S3Response, whole: string | Uint8Array): void {
  const body = typeof whole === 'string' ? Buffer.from(whole) : whole;
  // HEAD answers bring the length of the body that they do not have; 204 and 304 have none at all.
  const isBare = result.status === 204 || result.status === 304;
  const lengthBytes = isBare ? undefined : body.length;
  writeHead(exchange, result.status, result.headers ?? {}, lengthBytes);
  const isHead = exchange.request.method === 'HEAD';
  exchange.sentBytes = isHead ? 0 : body.length;
  exchange.response.end(isHead ? undefined : body);
}

async function sendStream(
  exchange: Exchange,
  result: S3Response,
  stream: ByteStream,
): Promise<void> {
  using _ = stream;
  const { response } = exchange;
  try {
    // The first piece comes before the status: a blob that is missing or damaged is an error, not a short answer.
    let piece = await stream.chunks.next();
    writeHead(exchange, result.status, result.headers ?? {}, stream.sizeBytes);
    exchange.sentBytes = 0;
    while (!piece.done && !response.destroyed) {
      exchange.sentBytes += piece.value.length;
      if (!sendPiece(exchange, piece.value)) await drained(response);
      piece = await stream.chunks.next();
    }
    response.end();
  } finally {
    await stream.chunks.return(undefined);
  }
}

/** False while the peer has enough to read. A connection that is cut looks at what it was given until it is closed. */
function sendPiece({ request, response }: Exchange, piece: Uint8Array): boolean {
  const { socket } = request;
  return response.write(piece, (error) => {
    if (error === null || error === undefined || socket.closed) giveBack(piece);
    else socket.once('close', () => giveBack(piece));
  });
}

/** Also when the client went away: nobody drains then. */
function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** `error` is anything that was thrown; what is not a ServiceError is a bug, and said to be internal. */
export function sendError(exchange: Exchange, error: unknown): void {
  const { request, response } = exchange;
  if (response.headersSent) {
    // Too late for a status: a cut connection is the only way to say that the bytes are not whole.
    response.destroy();
    return;
  }
  const { status, headers, body } = describeError(exchange, error);
  const isWaiting = request.headers.expect !== undefined && !request.complete;
  const isStalled = isServiceError(error, 'timeout');
  const close = isWaiting || isStalled ? { connection: 'close' } : {};
  sendDocument(exchange, { status, headers: { ...headers, ...close } }, body);
}

function describeError(exchange: Exchange, error: unknown) {
  const { requestId, hostId, request } = exchange;
  const known = isServiceError(error) ? error : undefined;
  const { code, status } = known === undefined ? INTERNAL_ERROR : toS3Error(known);
  if (status === 304) return { status, headers: notModifiedHeaders(known!), body: '' };
  const body = renderErrorDocument({
    code,
    message: known?.message ?? 'We encountered an internal error. Please try again.',
    details: known?.details ?? {},
    resource: (request.url ?? '').split('?')[0]!,
    requestId,
    hostId,
  });
  const headers = { 'content-type': 'application/xml', ...detailHeaders(known?.details ?? {}) };
  return { status, headers, body };
}

/** Facts of an error that S3 tells in headers. */
const DETAIL_HEADERS: Readonly<Record<string, string>> = {
  DeleteMarker: 'x-amz-delete-marker',
  VersionId: 'x-amz-version-id',
  Allow: 'allow',
};

function detailHeaders(details: ServiceError['details']): Record<string, string> {
  if (details['DeleteMarker'] === undefined) return {};
  const entries = Object.entries(DETAIL_HEADERS).flatMap(([name, header]) => {
    const value = details[name];
    return value === undefined ? [] : [[header, value] as const];
  });
  return Object.fromEntries(entries);
}

function notModifiedHeaders(error: ServiceError): Record<string, string> {
  const etag = error.details['ETag'];
  return etag === undefined ? {} : { etag: quoteEtag(etag) };
}

/** The length stands last: after it, Node reads a content-disposition as UTF-8 and refuses what that gives. */
function writeHead(
  exchange: Exchange,
  status: number,
  given: Readonly<Record<string, string>>,
  bodyBytes: number | undefined,
): void {
  const { 'content-length': ofObject, ...headers } = given;
  const length = ofObject ?? (bodyBytes === undefined ? undefined : String(bodyBytes));
  exchange.response.writeHead(status, {
    server: 'Ironbark',
    'x-amz-request-id': exchange.requestId,
    'x-amz-id-2': exchange.hostId,
    ...headers,
    ...(length === undefined ? {} : { 'content-length': length }),
  });
}

/** What is read of a refused body so that its sender gets to see the answer. */
const MAX_DISCARD_BYTES = 64 * 1024 * 1024;
/** And for how long: nobody who was refused holds a connection by sending a byte now and then. */
const MAX_DISCARD_MS = 20_000;

/** Lets the connection serve the next request: the rest of this one's body is thrown away, up to a limit. */
export function discardRest({ request }: Exchange): void {
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => request.destroy(), MAX_DISCARD_MS);
  request.once('close', () => clearTimeout(timer));
  let discarded = 0;
  request.on('data', (piece: Buffer) => {
    discarded += piece.length;
    if (discarded > MAX_DISCARD_BYTES) request.destroy();
  });
  // Whoever began to read it has held it back.
  request.resume();
}
