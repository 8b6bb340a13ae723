// Owns a typed client of the EC2 API, without the SDK: signed requests, parsed answers, Ec2Error.

import { signRequest } from '../sigv4/sign.ts';
import { encodeEc2Request } from './encode-request.ts';
import { parseEc2Error, parseEc2Response } from './parse-response.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from './types.ts';

export interface Ec2ClientOptions {
  /** `http://127.0.0.1:8773` */
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** The caller's clock, since a signature is good for a quarter of an hour. */
  nowMs: () => number;
  timeoutMs?: number;
}

/** A plain Describe takes milliseconds; a RunInstances waits for one transaction. */
const DEFAULT_TIMEOUT_MS = 60_000;

export interface Ec2Client {
  call<Action extends Ec2Action>(
    action: Action,
    input: Ec2Input<Action>,
    signal?: AbortSignal,
  ): Promise<Ec2Output<Action>>;
}

export interface Ec2ErrorOptions {
  code: string;
  message: string;
  requestId: string;
  status: number;
}

/** What the API answered instead of an output. A failed connection is fetch's own error. */
export class Ec2Error extends Error {
  readonly code: string;
  readonly requestId: string;
  readonly status: number;

  constructor(options: Ec2ErrorOptions) {
    super(options.message);
    this.name = 'Ec2Error';
    this.code = options.code;
    this.requestId = options.requestId;
    this.status = options.status;
  }
}

export function createEc2Client(options: Ec2ClientOptions): Ec2Client {
  return {
    async call<Action extends Ec2Action>(
      action: Action,
      input: Ec2Input<Action>,
      signal?: AbortSignal,
    ) {
      const response = await post(options, encodeEc2Request(action, input), signal);
      const text = await response.text();
      if (!response.ok) throw readError(response, text);
      return parseEc2Response(action, text) as Ec2Output<Action>;
    },
  };
}

async function post(
  options: Ec2ClientOptions,
  body: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const url = new URL('/', options.endpoint);
  const { region, accessKeyId, secretAccessKey, sessionToken } = options;
  const headers = signRequest({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body,
    service: 'ec2',
    region,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    nowMs: options.nowMs(),
  });
  const timeout = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const signals = signal === undefined ? [timeout] : [timeout, signal];
  return await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.any(signals) });
}

function readError(response: Response, text: string): Ec2Error {
  const facts = parseEc2Error(text) ?? {
    code: 'UnknownAnswer',
    message: `HTTP ${response.status} with a body that is no EC2 error`,
    requestId: response.headers.get('x-amzn-requestid') ?? '',
  };
  return new Ec2Error({ ...facts, status: response.status });
}
