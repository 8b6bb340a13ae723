// Owns the server's side of Signature Version 2 for S3: the form that clients of before 2014 sign with.
// Source: AWS, "Signing and authenticating REST requests (AWS signature version 2)".

import { createHmac } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import { unknownAccessKey, wrongSignature } from '../signature-errors.ts';
import {
  collectHeaders,
  type HeaderValues,
  parseTarget,
  type RequestTarget,
} from '../sigv4/canonical.ts';
import { isSameSignature } from '../sigv4/payload.ts';
import type { VerifiedRequest, VerifyInput } from '../sigv4/verify.ts';

export interface VerifyV2Input extends VerifyInput {
  /** The bucket that stands in the host's name: it is a part of what is signed. */
  hostBucket?: string | undefined;
}

/** How far a client's clock may be off: AWS's own figure. */
const MAX_SKEW_MS = 15 * 60 * 1_000;

/** Parameters that are a part of what is signed. */
const SIGNED_PARAMETERS = new Set([
  'accelerate',
  'acl',
  'analytics',
  'cors',
  'defaultObjectAcl',
  'delete',
  'inventory',
  'lifecycle',
  'location',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'partNumber',
  'policy',
  'replication',
  'requestPayment',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
  'restore',
  'select',
  'select-type',
  'storageClass',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
]);

interface ClaimV2 {
  form: 'header' | 'query';
  accessKeyId: string;
  signature: string;
  /** What stands in the place of the date in what is signed. */
  date: string;
}

/** True for a request that is signed in this form; whether well is another matter. */
export function isSignedV2(headers: HeaderValues, target: RequestTarget): boolean {
  const [authorization = ''] = headers.get('authorization') ?? [];
  return authorization.startsWith('AWS ') || findValue(target, 'AWSAccessKeyId') !== undefined;
}

export async function verifyRequestV2(input: VerifyV2Input): Promise<VerifiedRequest> {
  const headers = collectHeaders(input.rawHeaders);
  const target = parseTarget(input.rawTarget);
  const claim = readClaim(headers, target, input.nowMs);
  const record = await input.findAccessKey(claim.accessKeyId);
  if (record === undefined || record.sessionToken !== undefined)
    throw unknownAccessKey(claim.accessKeyId);
  const texts = pathsOf(target).map((path) =>
    stringToSign({ ...input, headers, target, path, date: claim.date }),
  );
  const isGood = texts.some((text) => {
    const expected = createHmac('sha1', record.secretAccessKey).update(text).digest('base64');
    return isSameSignature(claim.signature, expected);
  });
  if (!isGood) {
    const details = { SignatureProvided: claim.signature, StringToSign: texts[0]! };
    throw wrongSignature(claim.accessKeyId, details);
  }
  return {
    principal: record.principal,
    accessKeyId: claim.accessKeyId,
    service: 's3',
    region: input.region,
    form: claim.form,
    payload: { kind: 'unsigned' },
  };
}

function readClaim(headers: HeaderValues, target: RequestTarget, nowMs: number): ClaimV2 {
  const [authorization] = headers.get('authorization') ?? [];
  if (authorization === undefined) return readQuery(target, nowMs);
  const match = /^AWS ([^:\s]{1,128}):(\S{1,64})$/.exec(authorization.trim());
  if (match === null) throw malformed('has to be of the form AWS key:signature');
  const amzDate = headers.get('x-amz-date')?.[0];
  const date = headers.get('date')?.[0];
  requireTime(amzDate ?? date, nowMs);
  const [, accessKeyId = '', signature = ''] = match;
  return {
    form: 'header',
    accessKeyId,
    signature,
    date: amzDate === undefined ? (date ?? '') : '',
  };
}

function readQuery(target: RequestTarget, nowMs: number): ClaimV2 {
  const expires = findValue(target, 'Expires') ?? '';
  const signature = findValue(target, 'Signature');
  const accessKeyId = findValue(target, 'AWSAccessKeyId') ?? '';
  if (!/^\d{1,12}$/.test(expires) || signature === undefined) {
    throw denied(
      'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    );
  }
  if (Number(expires) * 1_000 < nowMs) throw denied('Request has expired');
  return { form: 'query', accessKeyId, signature, date: expires };
}

function requireTime(text: string | undefined, nowMs: number): void {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  // Before 1970 is no time at all for AWS.
  if (!(ms >= 0)) {
    throw denied('AWS authentication requires a valid Date or x-amz-date header');
  }
  if (Math.abs(nowMs - ms) <= MAX_SKEW_MS) return;
  throw new ServiceError({
    kind: 'not-authenticated',
    resource: 'request-time',
    message: "The difference between the request time and the server's time is too large.",
    details: { RequestTime: text!, ServerTime: new Date(nowMs).toISOString() },
  });
}

/** Some clients sign a bucket as a folder, others as it stands on the wire; AWS takes both. */
function pathsOf({ path }: RequestTarget): readonly string[] {
  return /^\/[^/]+$/.test(path) ? [path, `${path}/`] : [path];
}

function stringToSign(
  input: Pick<VerifyV2Input, 'method' | 'hostBucket'> & {
    headers: HeaderValues;
    target: RequestTarget;
    path: string;
    date: string;
  },
): string {
  const { method, headers, target, path, date, hostBucket } = input;
  const one = (name: string) => headers.get(name)?.[0]?.trim() ?? '';
  const amz = [...headers]
    .filter(([name]) => name.startsWith('x-amz-'))
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, values]) => `${name}:${values.map((value) => value.trim()).join(',')}\n`);
  const bucket = hostBucket === undefined ? '' : `/${hostBucket}`;
  const resource = `${bucket}${path}${signedQuery(target)}`;
  return `${[method, one('content-md5'), one('content-type'), date].join('\n')}\n${amz.join('')}${resource}`;
}

function signedQuery(target: RequestTarget): string {
  const signed = target.query
    .filter(({ name }) => SIGNED_PARAMETERS.has(name))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map(({ name, value }) => (value === '' ? name : `${name}=${value}`));
  return signed.length === 0 ? '' : `?${signed.join('&')}`;
}

function findValue(target: RequestTarget, name: string): string | undefined {
  return target.query.find((parameter) => parameter.name === name)?.value;
}

function malformed(what: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'signature',
    message: `AWS authentication header is malformed: it ${what}.`,
  });
}

function denied(message: string): ServiceError {
  return new ServiceError({ kind: 'not-authorized', resource: 'request-time', message });
}
