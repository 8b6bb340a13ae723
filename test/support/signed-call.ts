// Owns single requests to a cloud as written, signed well, badly or not at all; their whole answers come back.

import { systemClock } from '@ironbark/platform/clock.ts';
import { encodeEc2Request } from '@ironbark/protocol/ec2/encode-request.ts';
import { iamModel } from '@ironbark/protocol/iam/model.ts';
import { encodeInput } from '@ironbark/protocol/query/encode-input.ts';
import { presignUrl, signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import { stsModel } from '@ironbark/protocol/sts/model.ts';

export interface Key {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Whoever sends: a key, or `undefined` for nobody. */
export interface Caller {
  endpoint: string;
  region: string;
  key: Key | undefined;
}

export interface Answer {
  status: number;
  /** AWS's error code; '' in an answer without one. */
  code: string;
  text: string;
  headers: Headers;
}

export interface RawCall {
  service: 'ec2' | 'sts' | 'iam' | 's3' | 'ebs' | 'monitoring' | 'servicequotas' | 'cloudtrail';
  method: string;
  /** Path and query, as it goes out. */
  target: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** In a presigned URL instead of headers. */
  inQuery?: boolean;
}

export const FORM = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
const PRESIGNED_SECONDS = 300;

export function callEc2(caller: Caller, action: string, input: object): Promise<Answer> {
  const body = encodeEc2Request(action, input);
  return send(caller, { service: 'ec2', method: 'POST', target: '/', headers: FORM, body });
}

export function callSts(caller: Caller, action: string, input: object = {}): Promise<Answer> {
  const { version, findOperation } = stsModel();
  const body = encodeInput(action, version, findOperation(action)!.input, input, 'member');
  return send(caller, { service: 'sts', method: 'POST', target: '/', headers: FORM, body });
}

export function callIam(caller: Caller, action: string, input: object): Promise<Answer> {
  const { version, findOperation } = iamModel();
  const body = encodeInput(action, version, findOperation(action)!.input, input, 'member');
  return send(caller, { service: 'iam', method: 'POST', target: '/', headers: FORM, body });
}

export async function send(caller: Caller, call: RawCall): Promise<Answer> {
  const { method, body = '' } = call;
  const url = new URL(`${caller.endpoint}${call.target}`);
  const { url: signedUrl, headers } = sign(caller, call, url);
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const response = await fetch(signedUrl, { method, headers, ...(hasBody ? { body } : {}) });
  const text = await response.text();
  const inHeader = response.headers.get('x-amzn-errortype');
  const code = inHeader ?? /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? '';
  return { status: response.status, code, text, headers: response.headers };
}

function sign(
  { key, region }: Caller,
  call: RawCall,
  url: URL,
): { url: URL; headers: Record<string, string> } {
  const { method, service, headers = {}, body = '' } = call;
  if (key === undefined) return { url, headers: { ...headers } };
  const identity = { service, region, ...key, nowMs: systemClock.nowMs() };
  if (call.inQuery !== true) {
    return { url, headers: signRequest({ ...identity, method, url, headers, body }) };
  }
  const signed = presignUrl({
    ...identity,
    method,
    url,
    headers,
    expiresSeconds: PRESIGNED_SECONDS,
  });
  return { url: signed, headers: { ...headers } };
}
