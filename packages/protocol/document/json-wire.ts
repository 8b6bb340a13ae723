// Owns AWS's JSON 1.1 protocol, which its services of the middle years speak: the operation in `X-Amz-Target`, JSON in and
// out, errors by the names of their exceptions.

import type { IncomingHttpHeaders } from 'node:http';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { Operation, ServiceModel } from '../models/service-model.ts';
import { COMMON_ERRORS } from '../query/common-errors.ts';
import { chooseWireError, type ErrorTable } from '../query/wire-errors.ts';
import { decodeDocument } from './decode-document.ts';
import { encodeDocument } from './encode-document.ts';

const MS = 1_000;

export interface JsonAnswer {
  status: number;
  body: Buffer;
  headers: Readonly<Record<string, string>>;
}

export interface JsonWire {
  model(): ServiceModel;
  /** AWS's name of the operation, which may not exist. */
  findAction(request: { method: string; headers: IncomingHttpHeaders }): string;
  decode(operation: Operation, body: Buffer): Record<string, unknown>;
  render(operation: Operation, output: object): JsonAnswer;
  renderError(error: unknown): JsonAnswer & { code: string };
}

export interface JsonWireOptions {
  model: () => ServiceModel;
  /** As clients write it before the operation's name, without the name spaces that some put in front. */
  target: string;
  errors: ErrorTable;
}

export function createJsonWire({ model, target, errors }: JsonWireOptions): JsonWire {
  return {
    model,
    findAction: ({ method, headers }) => {
      const named = String(headers['x-amz-target'] ?? '').split('.');
      const [service, action = ''] = named.slice(-2);
      if (method === 'POST' && service === target) return action;
      throw unknownTarget(model().service);
    },
    decode: ({ input }, body) => decodeDocument(input, body.length === 0 ? {} : parseJson(body)),
    render: ({ output: shape }, output) => {
      const document = shape === undefined ? {} : encodeDocument(shape, output, toSeconds);
      return answer(200, document);
    },
    renderError: (error) => {
      const { code, status, message } = chooseWireError(errors, error);
      const { headers, ...rest } = answer(status, { __type: code, message });
      return { ...rest, headers: { ...headers, 'x-amzn-errortype': code }, code };
    },
  };
}

function toSeconds(time: Date): number {
  return time.getTime() / MS;
}

function answer(status: number, document: object): JsonAnswer {
  const headers = { 'content-type': 'application/x-amz-json-1.1' };
  return { status, body: Buffer.from(JSON.stringify(document)), headers };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    const message = 'The body is not JSON.';
    throw new ServiceError({ kind: 'malformed-input', resource: 'request', message, cause });
  }
}

function unknownTarget(service: string): ServiceError {
  return new ServiceError({
    kind: 'unknown-action',
    resource: 'action',
    message: `The request names no operation of ${service}.`,
  });
}

/** "Common errors" of services with this protocol; signatures are refused as everywhere. */
export const JSON_ERRORS: ErrorTable = {
  ...COMMON_ERRORS,
  'missing-parameter': {
    any: ['ValidationException', 400],
    action: ['MissingAction', 400],
    signature: ['IncompleteSignatureException', 400],
  },
  'invalid-parameter': { any: ['ValidationException', 400] },
  'invalid-combination': {
    any: ['ValidationException', 400],
    signature: ['IncompleteSignatureException', 400],
  },
  'unknown-parameter': { any: ['ValidationException', 400] },
  'malformed-input': {
    any: ['SerializationException', 400],
    signature: ['InvalidSignatureException', 400],
  },
  'not-authenticated': {
    any: ['UnrecognizedClientException', 400],
    request: ['MissingAuthenticationTokenException', 400],
    signature: ['InvalidSignatureException', 400],
    'request-time': ['InvalidSignatureException', 400],
  },
  'not-authorized': {
    any: ['AccessDeniedException', 400],
    signature: ['InvalidSignatureException', 400],
    'request-time': ['InvalidSignatureException', 400],
    'security-token': ['ExpiredTokenException', 400],
  },
  'unknown-action': { any: ['UnknownOperationException', 400] },
  unsupported: {
    any: ['UnsupportedOperation', 400],
    signature: ['IncompleteSignatureException', 400],
  },
  throttled: { any: ['ThrottlingException', 400] },
  internal: { any: ['InternalFailure', 500] },
};
