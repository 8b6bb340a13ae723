// Owns a signed S3 request of the workloads.

import { systemClock } from '@ironbark/platform/clock.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';

export interface S3Key {
  accessKeyId: string;
  secretAccessKey: string;
}

export const REGION = 'local';

/** Throws when the answer is an error. */
export async function sendS3(
  key: S3Key,
  method: string,
  address: string,
  body: Buffer<ArrayBuffer> = Buffer.alloc(0),
  more: Record<string, string> = {},
): Promise<Response> {
  const url = new URL(address);
  const identity = { ...key, service: 's3', region: REGION, nowMs: systemClock.nowMs() };
  const headers = signRequest({ ...identity, method, url, headers: more, body });
  const hasBody = method !== 'GET';
  const response = await fetch(url, { method, headers, ...(hasBody ? { body } : {}) });
  if (!response.ok) throw new Error(`${method} ${address}: ${await response.text()}`);
  return response;
}
