// Owns reading a request's body with a limit, and throwing away one that nobody will look at.

import type { IncomingMessage } from 'node:http';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';

/** EC2's largest request is a RunInstances with 16 KiB of user data; 1 MiB leaves room for long lists. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Thrown away as it comes, this costs no memory; who sends more is cut off. */
const MAX_DISCARDED_BYTES = 8 * MAX_BODY_BYTES;

/** The largest request over the slowest line that is still of use. */
const BODY_TIMEOUT_MS = 20_000;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  return await inTime(collect(request));
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of iterate(request)) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * A client that is still sending may not see an early answer, so a short body is read to its end
 * first. False: it was too long or too slow, and the connection has to be closed after the answer.
 */
export async function discardBody(request: IncomingMessage): Promise<boolean> {
  if (request.readableEnded) return true;
  if (Number(request.headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES) return false;
  try {
    return await inTime(discard(request));
  } catch (error) {
    if (isServiceError(error, 'timeout')) return false;
    throw error;
  }
}

async function discard(request: IncomingMessage): Promise<boolean> {
  let length = 0;
  for await (const chunk of iterate(request)) {
    length += chunk.length;
    if (length > MAX_DISCARDED_BYTES) return false;
  }
  return true;
}

/** Leaves the reading behind: closing the connection ends it. */
async function inTime<Result>(reading: Promise<Result>): Promise<Result> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooSlow()), BODY_TIMEOUT_MS);
  try {
    return await Promise.race([reading, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Leaving the loop early must not take the connection down: an answer is still to be sent on it. */
function iterate(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false });
}

function tooLarge(): ServiceError {
  return new ServiceError({
    kind: 'too-large',
    resource: 'request',
    message: `The request is larger than ${MAX_BODY_BYTES} bytes.`,
  });
}

function tooSlow(): ServiceError {
  return new ServiceError({
    kind: 'timeout',
    resource: 'request',
    message: `The request did not arrive whole within ${BODY_TIMEOUT_MS / 1000} seconds.`,
  });
}
