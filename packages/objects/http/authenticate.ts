// Owns who is asking: one verification of every request, before it is known what it asks for.

import type { IncomingMessage } from 'node:http';
import { isSignedV2, verifyRequestV2 } from '@ironbark/protocol/sigv2/verify.ts';
import {
  collectHeaders,
  type HeaderValues,
  parseTarget,
  type RequestTarget,
} from '@ironbark/protocol/sigv4/canonical.ts';
import { chooseUnsignedPayload, type SignedPayload } from '@ironbark/protocol/sigv4/payload.ts';
import { type VerifiedRequest, verifyRequest } from '@ironbark/protocol/sigv4/verify.ts';
import type { ObjectsContext } from '../app/context.ts';
import { findHostBucket } from './request.ts';

const SERVICES = ['s3'];

/** Nobody has signed it; what it may do is what everybody may. */
export interface UnsignedRequest {
  principal: undefined;
  form: 'none';
  payload: SignedPayload;
}

export async function authenticate(
  context: ObjectsContext,
  request: IncomingMessage,
  domains: readonly string[],
): Promise<VerifiedRequest | UnsignedRequest> {
  const headers = collectHeaders(request.rawHeaders);
  const target = parseTarget(request.url ?? '');
  if (!isSigned(headers, target)) {
    const payload = chooseUnsignedPayload(headers);
    return { principal: undefined, form: 'none', payload };
  }
  const input = {
    method: request.method ?? '',
    rawTarget: request.url ?? '',
    rawHeaders: request.rawHeaders,
    parsed: { headers, target },
    services: SERVICES,
    region: context.region,
    nowMs: context.clock.nowMs(),
    findAccessKey: (id: string) => context.identity.findAccessKey(id),
  };
  const hostBucket = findHostBucket(request.headers.host ?? '', domains);
  const isV2 = context.allowsSignatureV2 && isSignedV2(headers, target);
  const verified = isV2
    ? await verifyRequestV2({ ...input, hostBucket })
    : await verifyRequest(input);
  const { service, region } = verified;
  context.identity.noteUse?.(verified.accessKeyId, { service, region, atMs: input.nowMs });
  return verified;
}

const SIGNATURE_PARAMETERS = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'AWSAccessKeyId',
]);

/** A claim of any kind has to be a good one: a bad one is not as if there were none. */
function isSigned(headers: HeaderValues, { query }: RequestTarget): boolean {
  const claims = headers.get('authorization') ?? [];
  return (
    claims.some((claim) => claim.trim() !== '') ||
    query.some(({ name }) => SIGNATURE_PARAMETERS.has(name))
  );
}
