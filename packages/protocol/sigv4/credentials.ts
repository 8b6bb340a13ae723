// Owns what a request claims about its signature: read from the Authorization header or from the query.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  type HeaderValues,
  type QueryParameter,
  type RequestTarget,
  SIGNATURE_PARAMETER,
} from './canonical.ts';
import { ALGORITHM, parseAmzDate, renderAmzDate, type Scope } from './signing-key.ts';

/** A claim: nothing in it is verified. */
export interface SignatureClaim {
  form: 'header' | 'query';
  accessKeyId: string;
  scope: Scope;
  signedHeaders: readonly string[];
  signature: string;
  amzDate: string;
  signedAtMs: number;
  sessionToken?: string;
  /** Query form only. */
  expiresSeconds?: number;
}

/** Throws when there is no claim, more than one, or one that cannot be read. */
export function readClaim(headers: HeaderValues, target: RequestTarget): SignatureClaim {
  const authorization = headers.get('authorization')?.filter((value) => value.trim() !== '');
  const inQuery = target.query.some((parameter) => QUERY_AUTH_NAMES.has(parameter.name));
  const inHeader = authorization !== undefined && authorization.length > 0;
  if (inHeader && (inQuery || authorization.length > 1)) {
    throw new ServiceError({
      kind: 'invalid-combination',
      resource: 'signature',
      message: 'Only one auth mechanism allowed; the request carries more than one signature.',
    });
  }
  if (inHeader) return readHeader(authorization[0]!, headers);
  if (inQuery) return readQuery(target.query);
  throw new ServiceError({
    kind: 'not-authenticated',
    resource: 'request',
    message: 'The request is not signed. Sign it with Signature Version 4 and your access key.',
  });
}

const QUERY_AUTH_NAMES = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  SIGNATURE_PARAMETER,
  // The query form of Signature Version 2, which is not offered: refused by name instead of ignored.
  'AWSAccessKeyId',
]);

function readHeader(text: string, headers: HeaderValues): SignatureClaim {
  const token = headers.get('x-amz-security-token')?.[0];
  return {
    form: 'header',
    ...readFields(text),
    ...headerTime(headers),
    ...(token === undefined ? {} : { sessionToken: token }),
  };
}

type SignerFields = Pick<SignatureClaim, 'accessKeyId' | 'scope' | 'signedHeaders'>;

/** A client of one key says the same all day but for its signature, which stands last. */
const readBefore = new Map<string, SignerFields>();
const MAX_READ_BEFORE = 1_000;
const MAX_KEPT_LENGTH = 1_024;
const SIGNATURE_LENGTH = 64;

function readFields(text: string): SignerFields & Pick<SignatureClaim, 'signature'> {
  const start = text.slice(0, -SIGNATURE_LENGTH);
  const known = readBefore.get(start);
  if (known !== undefined) {
    return { ...known, signature: readSignature(text.slice(-SIGNATURE_LENGTH)) };
  }
  const { signature, ...signer } = parseFields(text);
  if (start.endsWith('Signature=') && start.length <= MAX_KEPT_LENGTH) {
    if (readBefore.size >= MAX_READ_BEFORE) readBefore.clear();
    readBefore.set(start, signer);
  }
  return { ...signer, signature };
}

function parseFields(text: string): SignerFields & Pick<SignatureClaim, 'signature'> {
  const [algorithm, ...rest] = text.trim().split(/\s+/);
  if (algorithm !== ALGORITHM) throw unsupportedAlgorithm(algorithm ?? '');
  const fields = new Map<string, string>();
  for (const part of rest.join('').split(',')) {
    const at = part.indexOf('=');
    if (at < 0 || fields.has(part.slice(0, at)))
      throw malformed('has a field that is not name=value');
    fields.set(part.slice(0, at), part.slice(at + 1));
  }
  return {
    ...readCredential(fields.get('Credential')),
    signedHeaders: readSignedHeaders(fields.get('SignedHeaders')),
    signature: readSignature(fields.get('Signature')),
  };
}

function headerTime(headers: HeaderValues): { amzDate: string; signedAtMs: number } {
  const amzDate = headers.get('x-amz-date')?.[0];
  if (amzDate !== undefined) return { amzDate, signedAtMs: readAmzDate(amzDate) };
  const date = headers.get('date')?.[0];
  if (date === undefined) throw badTime('The request has neither an X-Amz-Date nor a Date header.');
  const basic = parseAmzDate(date) ?? Date.parse(date);
  if (Number.isNaN(basic)) throw badTime('The Date header is not a time.');
  return { amzDate: renderAmzDate(basic), signedAtMs: basic };
}

/** The longest time for which AWS lets a URL be signed: seven days. */
const MAX_EXPIRES_SECONDS = 604_800;

function readQuery(query: readonly QueryParameter[]): SignatureClaim {
  const get = (name: string) => onlyValue(query, name);
  const algorithm = get('X-Amz-Algorithm');
  if (algorithm !== ALGORITHM) throw unsupportedAlgorithm(algorithm ?? '');
  const amzDate = get('X-Amz-Date') ?? '';
  const expires = get('X-Amz-Expires') ?? '';
  const expiresSeconds = /^-?\d{1,7}$/.test(expires) ? Number(expires) : Number.NaN;
  // Signed for no time at all: it is over.
  if (expiresSeconds <= 0) throw badTime('Request has expired. Ask for a new presigned URL.');
  if (Number.isNaN(expiresSeconds) || expiresSeconds > MAX_EXPIRES_SECONDS) {
    throw malformed(`needs X-Amz-Expires between 1 and ${MAX_EXPIRES_SECONDS} seconds`);
  }
  const token = get('X-Amz-Security-Token');
  return {
    form: 'query',
    ...readCredential(get('X-Amz-Credential')),
    signedHeaders: readSignedHeaders(get('X-Amz-SignedHeaders')),
    signature: readSignature(get(SIGNATURE_PARAMETER)),
    amzDate,
    signedAtMs: readAmzDate(amzDate),
    expiresSeconds,
    ...(token === undefined ? {} : { sessionToken: token }),
  };
}

function onlyValue(query: readonly QueryParameter[], name: string): string | undefined {
  const found = query.filter((parameter) => parameter.name === name);
  if (found.length > 1) throw malformed(`gives ${name} more than once`);
  return found[0]?.value;
}

/** `key/YYYYMMDD/region/service/aws4_request`; a key id may contain slashes. */
function readCredential(text: string | undefined): { accessKeyId: string; scope: Scope } {
  const parts = (text ?? '').split('/');
  const [date, region, service, terminator] = parts.slice(-4);
  const accessKeyId = parts.slice(0, -4).join('/');
  if (accessKeyId === '' || terminator !== 'aws4_request' || !/^\d{8}$/.test(date ?? '')) {
    throw malformed('needs a Credential of the form key/YYYYMMDD/region/service/aws4_request');
  }
  return { accessKeyId, scope: { date: date!, region: region!, service: service! } };
}

function readSignedHeaders(text: string | undefined): readonly string[] {
  const names = (text ?? '').split(';');
  const isGood = names.every((name) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name));
  if (!isGood || new Set(names).size !== names.length) {
    throw malformed('needs SignedHeaders: lower-case names with ; between them');
  }
  if (!names.includes('host')) throw malformed('has to sign the host header');
  return names;
}

function readSignature(text: string | undefined): string {
  if (text === undefined || !/^[0-9a-f]{64}$/.test(text)) {
    throw malformed('needs a Signature of 64 hexadecimal digits');
  }
  return text;
}

function readAmzDate(text: string): number {
  const ms = parseAmzDate(text);
  if (ms === undefined) throw badTime('X-Amz-Date has to be a time of the form 20150830T123600Z.');
  return ms;
}

function malformed(what: string): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'signature',
    message: `The request's authorization is malformed: it ${what}.`,
  });
}

function badTime(message: string): ServiceError {
  return new ServiceError({ kind: 'not-authorized', resource: 'request-time', message });
}

function unsupportedAlgorithm(name: string): ServiceError {
  const shown = name === '' ? 'none' : name.slice(0, 32);
  return new ServiceError({
    kind: 'unsupported',
    resource: 'signature',
    message: `The signature algorithm (${shown}) is not supported. Please use ${ALGORITHM}.`,
  });
}
