// Owns a vector of AWS's signing test suite: a request as it was signed, and whether this cloud's verifier takes it.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  canonicalRequest,
  collectHeaders,
  parseTarget,
  sha256Hex,
} from '@ironbark/protocol/sigv4/canonical.ts';
import { readClaim } from '@ironbark/protocol/sigv4/credentials.ts';
import { hmacHex, signingKey, stringToSign } from '@ironbark/protocol/sigv4/signing-key.ts';
import { verifyRequest } from '@ironbark/protocol/sigv4/verify.ts';

export type Form = 'header' | 'query';

/** What the vector's `context.json` says of its signer. */
export interface VectorContext {
  credentials: { access_key_id: string; secret_access_key: string; token?: string };
  normalize: boolean;
  region: string;
  service: string;
  timestamp: string;
}

/** As on the wire, each character a byte. */
export interface WireRequest {
  method: string;
  rawTarget: string;
  rawHeaders: string[];
  body: Buffer;
}

/** Undefined where the request is taken; else why not. */
export async function judgeVector(folder: string, form: Form): Promise<string | undefined> {
  const context = JSON.parse(await readFile(join(folder, 'context.json'), 'utf8')) as VectorContext;
  const text = await readFile(join(folder, `${form}-signed-request.txt`), 'latin1');
  const request = parseWire(text);
  try {
    if (context.normalize) await verifyAsSent(context, request);
    else compareUnnormalized(context, request);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A target may have spaces in it; a line that begins with one goes on with the header before it. */
export function parseWire(text: string): WireRequest {
  const end = text.indexOf('\n\n');
  const [first = '', ...lines] = text.slice(0, end < 0 ? undefined : end).split('\n');
  const [, method = '', rawTarget = ''] = /^(\S+) (.*?)(?: HTTP\/1\.1)?$/.exec(first) ?? [];
  const rawHeaders: string[] = [];
  for (const line of lines.filter((one) => one !== '')) {
    if (/^\s/.test(line)) rawHeaders.push(`${rawHeaders.pop()} ${line.trim()}`);
    else rawHeaders.push(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1));
  }
  const body = Buffer.from(end < 0 ? '' : text.slice(end + 2), 'latin1');
  return { method, rawTarget, rawHeaders, body };
}

async function verifyAsSent(context: VectorContext, request: WireRequest): Promise<void> {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = context.credentials;
  const { token } = context.credentials;
  const { payload } = await verifyRequest({
    ...request,
    services: [context.service],
    region: context.region,
    nowMs: Date.parse(context.timestamp),
    findAccessKey: async () => ({
      accessKeyId,
      secretAccessKey,
      principal: { accountId: '111111111111', arn: 'arn', userId: 'user', isRoot: true },
      ...(token === undefined ? {} : { sessionToken: token }),
    }),
  });
  if (payload.kind !== 'hash-body') throw new Error(`the body is read as ${payload.kind}`);
  payload.check(sha256Hex(request.body));
}

/** Only S3 leaves a path as it is, and the vectors' service is another one. */
function compareUnnormalized(context: VectorContext, request: WireRequest): void {
  const { access_key_id: keyId, secret_access_key: secret } = context.credentials;
  const headers = collectHeaders(request.rawHeaders);
  const target = parseTarget(request.rawTarget);
  const { scope, amzDate, signedHeaders, signature } = readClaim(headers, target);
  const payloadHash = sha256Hex(request.body);
  const asS3 = { ...request, target, headers, signedHeaders, payloadHash, service: 's3' };
  const text = stringToSign(amzDate, scope, canonicalRequest(asS3));
  if (hmacHex(signingKey(keyId, secret, scope), text) !== signature) {
    throw new Error('the signature differs');
  }
}
