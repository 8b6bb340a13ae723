// Owns the client's side of Signature Version 4: signed headers and presigned URLs.

import {
  canonicalRequest,
  collectHeaders,
  type HeaderValues,
  parseTarget,
  SIGNATURE_PARAMETER,
  sha256Hex,
} from './canonical.ts';
import { encodePercentText } from './percent.ts';
import {
  ALGORITHM,
  hmacHex,
  renderAmzDate,
  renderScope,
  type Scope,
  signingKey,
  stringToSign,
} from './signing-key.ts';

export interface SigningIdentity {
  service: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  nowMs: number;
}

export interface SignRequestInput extends SigningIdentity {
  method: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array | string;
  /** Instead of the body's own hash: `UNSIGNED-PAYLOAD` or a streaming mode of S3. */
  payloadHash?: string;
}

/** The headers to send: those given, and the ones that sign them. `Host` is signed as the URL has it. */
export function signRequest(input: SignRequestInput): Record<string, string> {
  const amzDate = renderAmzDate(input.nowMs);
  const scope: Scope = { date: amzDate.slice(0, 8), region: input.region, service: input.service };
  const payloadHash = input.payloadHash ?? sha256Hex(input.body);
  const headers: Record<string, string> = { ...input.headers, 'x-amz-date': amzDate };
  if (input.service === 's3') headers['x-amz-content-sha256'] = payloadHash;
  if (input.sessionToken !== undefined) headers['x-amz-security-token'] = input.sessionToken;
  const signable = signableHeaders(input.url, headers);
  const signedHeaders = [...signable.keys()].sort();
  const canonical = canonicalRequest({
    method: input.method,
    target: parseTarget(`${input.url.pathname}${input.url.search}`),
    headers: signable,
    signedHeaders,
    payloadHash,
    service: input.service,
  });
  const signature = sign(input, scope, stringToSign(amzDate, scope, canonical));
  const credential = `${input.accessKeyId}/${renderScope(scope)}`;
  headers['authorization'] =
    `${ALGORITHM} Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
  return headers;
}

export interface PresignInput extends SigningIdentity {
  method: string;
  url: URL;
  /** 1 to 604,800. */
  expiresSeconds: number;
  /** Headers that the user of the URL will have to send. */
  headers?: Readonly<Record<string, string>>;
}

/** A URL that carries its signature; whoever holds it may make this one request until it expires. */
export function presignUrl(input: PresignInput): URL {
  const amzDate = renderAmzDate(input.nowMs);
  const scope: Scope = { date: amzDate.slice(0, 8), region: input.region, service: input.service };
  const headers = signableHeaders(input.url, input.headers ?? {});
  const signedHeaders = [...headers.keys()].sort();
  const url = new URL(input.url);
  url.search = joinQuery(url.search, {
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': `${input.accessKeyId}/${renderScope(scope)}`,
    'X-Amz-Date': amzDate,
    'X-Amz-Expires': String(input.expiresSeconds),
    ...(input.sessionToken === undefined ? {} : { 'X-Amz-Security-Token': input.sessionToken }),
    'X-Amz-SignedHeaders': signedHeaders.join(';'),
  });
  const canonical = canonicalRequest({
    method: input.method,
    target: parseTarget(`${url.pathname}${url.search}`),
    headers,
    signedHeaders,
    payloadHash: input.service === 's3' ? 'UNSIGNED-PAYLOAD' : sha256Hex(''),
    service: input.service,
  });
  const signature = sign(input, scope, stringToSign(amzDate, scope, canonical));
  url.search = joinQuery(url.search, { [SIGNATURE_PARAMETER]: signature });
  return url;
}

/** On their way to a signature, these change between the client and the wire. */
const NEVER_SIGNED = new Set(['authorization', 'connection', 'expect', 'user-agent']);

function signableHeaders(url: URL, headers: Readonly<Record<string, string>>): HeaderValues {
  const entries = Object.entries(headers).filter(([name]) => !NEVER_SIGNED.has(name.toLowerCase()));
  return collectHeaders(['host', url.host, ...entries.flat()]);
}

function joinQuery(search: string, parameters: Readonly<Record<string, string>>): string {
  const added = Object.entries(parameters).map(([name, value]) =>
    [name, value].map((text) => encodePercentText(text)).join('='),
  );
  return [search.replace(/^\?/, ''), ...added].filter((part) => part !== '').join('&');
}

function sign(identity: SigningIdentity, scope: Scope, text: string): string {
  return hmacHex(signingKey(identity.accessKeyId, identity.secretAccessKey, scope), text);
}
