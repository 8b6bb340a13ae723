// Owns the server's side of Signature Version 4: one verification for every route and every form of body.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccessKeyRecord, Principal } from '../internal/identity-client.ts';
import { requireFresh, unknownAccessKey, wrongSignature } from '../signature-errors.ts';
import {
  type CanonicalInput,
  canonicalRequest,
  collectHeaders,
  type HeaderValues,
  parseTarget,
  type RequestTarget,
} from './canonical.ts';
import { readClaim, type SignatureClaim } from './credentials.ts';
import {
  ChunkChain,
  choosePayload,
  isSameSignature,
  type SignedPayload,
  UNSIGNED_PAYLOAD,
} from './payload.ts';
import { hmacHex, signingKey, stringToSign } from './signing-key.ts';

export interface VerifyInput {
  method: string;
  /** The request target as on the wire: node:http's `url`. */
  rawTarget: string;
  rawHeaders: readonly string[];
  /** The two of them parsed, by who has done so already. */
  parsed?: { headers: HeaderValues; target: RequestTarget };
  /** Names that the credential's scope may give. */
  services: readonly string[];
  region: string;
  nowMs: number;
  findAccessKey(accessKeyId: string): Promise<AccessKeyRecord | undefined>;
}

export interface VerifiedRequest {
  principal: Principal;
  accessKeyId: string;
  service: string;
  region: string;
  form: 'header' | 'query';
  /** For `hash-body` the request is verified only once its `check` returned. */
  payload: SignedPayload;
}

/** How far a client's clock may be off: AWS's own figure. */
const MAX_SKEW_MS = 15 * 60 * 1000;

/** "IAM is a global service with a single endpoint": clients sign for it, and for STS's, as if it were there. */
const GLOBAL_SERVICES: ReadonlySet<string> = new Set(['iam', 'sts']);
const GLOBAL_REGION = 'us-east-1';

/** Throws a ServiceError unless the request was signed with a known key, for this cloud, and about now. */
export async function verifyRequest(input: VerifyInput): Promise<VerifiedRequest> {
  const headers = input.parsed?.headers ?? collectHeaders(input.rawHeaders);
  const target = input.parsed?.target ?? parseTarget(input.rawTarget);
  const claim = readClaim(headers, target);
  requireScope(claim, input);
  requireTime(claim, input.nowMs);
  requireHeadersSigned(claim, headers);
  const record = await findKey(claim, input);
  const verified = {
    principal: record.principal,
    accessKeyId: claim.accessKeyId,
    service: claim.scope.service,
    region: claim.scope.region,
    form: claim.form,
  };
  const request = { method: input.method, target, headers, claim, record };
  if (claim.scope.service !== 's3') return { ...verified, payload: hashBodyPayload(request) };
  return { ...verified, payload: verifyS3(request) };
}

interface ClaimedRequest {
  method: string;
  target: RequestTarget;
  headers: HeaderValues;
  claim: SignatureClaim;
  record: AccessKeyRecord;
}

/** The signature covers the body's hash, so it can be compared only when the body is here. */
function hashBodyPayload(request: ClaimedRequest): SignedPayload {
  return { kind: 'hash-body', check: (sha256) => requireSignature(request, sha256) };
}

function verifyS3(request: ClaimedRequest): SignedPayload {
  const { claim, headers, record } = request;
  const contentSha256 = s3ContentSha256(request);
  requireSignature(request, contentSha256);
  const key = signingKey(claim.accessKeyId, record.secretAccessKey, claim.scope);
  const { amzDate, scope, signature } = claim;
  const chain = new ChunkChain({ key, amzDate, scope, seed: signature });
  return choosePayload(contentSha256, headers.get('x-amz-trailer')?.join(','), chain);
}

function s3ContentSha256({ claim, headers, target }: ClaimedRequest): string {
  const header = headers.get('x-amz-content-sha256')?.join(',');
  if (header !== undefined) return header;
  if (claim.form === 'query') {
    const hoisted = target.query.find((p) => p.name.toLowerCase() === 'x-amz-content-sha256');
    return hoisted?.value ?? UNSIGNED_PAYLOAD;
  }
  throw new ServiceError({
    kind: 'missing-parameter',
    resource: 'signature',
    message: 'Missing required header for this request: x-amz-content-sha256.',
  });
}

function requireScope(claim: SignatureClaim, input: VerifyInput): void {
  const { date, region, service } = claim.scope;
  if (!input.services.includes(service)) {
    throw wrongScope(`Credential should be scoped to service ${input.services.join(' or ')}.`, {});
  }
  const isGlobal = GLOBAL_SERVICES.has(service) && region === GLOBAL_REGION;
  if (region !== input.region && !isGlobal) {
    const message = `The region '${region.slice(0, 64)}' is wrong; expecting '${input.region}'.`;
    throw wrongScope(message, { Region: input.region });
  }
  if (date !== claim.amzDate.slice(0, 8)) {
    throw wrongScope('The date in the Credential is not the day of X-Amz-Date.', {});
  }
}

function wrongScope(message: string, details: Readonly<Record<string, string>>): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'signature',
    message: `The request's authorization is malformed. ${message}`,
    details,
  });
}

function requireTime(claim: SignatureClaim, nowMs: number): void {
  const isAhead = claim.signedAtMs - nowMs > MAX_SKEW_MS;
  const isExpired =
    claim.expiresSeconds !== undefined && nowMs > claim.signedAtMs + claim.expiresSeconds * 1000;
  if (isExpired) throw expired();
  const isBehind = claim.form === 'header' && nowMs - claim.signedAtMs > MAX_SKEW_MS;
  if (!isAhead && !isBehind) return;
  throw new ServiceError({
    kind: 'not-authenticated',
    resource: 'request-time',
    message:
      "The difference between the request time and the server's time is too large; check the clock.",
    details: {
      RequestTime: claim.amzDate,
      ServerTime: new Date(nowMs).toISOString(),
      MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
    },
  });
}

function expired(): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'request-time',
    message: 'Request has expired. Ask for a new presigned URL.',
  });
}

/** Some clients add it to what they have signed; whether it belongs to the key is looked at all the same. */
const ADDED_AFTERWARDS = 'x-amz-security-token';

/** An x-amz-* header that nobody signed could turn a signed request into another one. */
function requireHeadersSigned(claim: SignatureClaim, headers: HeaderValues): void {
  const mayAdd = claim.form === 'header' && claim.scope.service !== 's3';
  const unsigned = [...headers.keys()]
    .filter((name) => name.startsWith('x-amz-') && !claim.signedHeaders.includes(name))
    .filter((name) => !(mayAdd && name === ADDED_AFTERWARDS));
  if (unsigned.length === 0) return;
  throw new ServiceError({
    kind: 'not-authorized',
    resource: 'signature',
    message: `There were headers present in the request which were not signed: ${unsigned.join(', ')}.`,
    details: { HeadersNotSigned: unsigned.join(', ') },
  });
}

async function findKey(claim: SignatureClaim, input: VerifyInput): Promise<AccessKeyRecord> {
  const record = await input.findAccessKey(claim.accessKeyId);
  if (record === undefined) throw unknownAccessKey(claim.accessKeyId);
  if (isSameSignature(claim.sessionToken ?? '', record.sessionToken ?? '')) {
    requireFresh(record, input.nowMs);
    return record;
  }
  throw new ServiceError({
    kind: 'not-authenticated',
    resource: 'security-token',
    message: 'The security token included in the request is missing or does not belong to its key.',
  });
}

function requireSignature(request: ClaimedRequest, payloadHash: string): void {
  const { claim, record } = request;
  const input: CanonicalInput = {
    method: request.method,
    target: request.target,
    headers: request.headers,
    signedHeaders: claim.signedHeaders,
    payloadHash,
    service: claim.scope.service,
  };
  const canonical = canonicalRequest(input);
  const text = stringToSign(claim.amzDate, claim.scope, canonical);
  const key = signingKey(claim.accessKeyId, record.secretAccessKey, claim.scope);
  if (isSameSignature(claim.signature, hmacHex(key, text))) return;
  throw wrongSignature(claim.accessKeyId, {
    SignatureProvided: claim.signature,
    StringToSign: text,
    CanonicalRequest: canonical,
  });
}
