// Owns CloudWatch's requests and answers in AWS's JSON 1.0 protocol and in Smithy's RPC v2 with CBOR.

import { ServiceError } from '@ironbark/core/errors.ts';
import { parseCbor, renderCbor } from '../document/cbor.ts';
import { decodeDocument } from '../document/decode-document.ts';
import { type EncodeTime, encodeDocument } from '../document/encode-document.ts';
import { chooseCloudwatchError } from './errors.ts';
import type { CloudwatchWire, WireRequest } from './wire.ts';

/** As the API was called inside AWS when it was young. */
const TARGET = 'GraniteServiceVersion20100801';
const NAMESPACE = 'com.amazonaws.cloudwatch';
const MS = 1_000;

interface Form {
  findAction(request: WireRequest): string | undefined;
  parse(body: Buffer): unknown;
  render(document: object): Buffer;
  encodeTime: EncodeTime;
  headers: Readonly<Record<string, string>>;
}

export const JSON_WIRE = createWire({
  findAction: ({ headers }) => {
    const [service, action] = String(headers['x-amz-target']).split('.', 2);
    return service === TARGET ? action : undefined;
  },
  parse: parseJson,
  render: (document) => Buffer.from(JSON.stringify(document)),
  encodeTime: (time) => time.getTime() / MS,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
});

const CBOR_PATH = new RegExp(`^/service/${TARGET}/operation/(\\w{1,100})$`);

export const CBOR_WIRE = createWire({
  findAction: ({ target, headers }) =>
    headers['smithy-protocol'] === 'rpc-v2-cbor' ? CBOR_PATH.exec(target)?.[1] : undefined,
  parse: parseCbor,
  render: renderCbor,
  encodeTime: (time) => time,
  headers: { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' },
});

function createWire(form: Form): CloudwatchWire {
  const { headers } = form;
  return {
    open: (request) => {
      const action = request.method === 'POST' ? form.findAction(request) : undefined;
      if (action === undefined) throw unknownTarget();
      const { body } = request;
      return {
        action,
        decode: ({ input }) => decodeDocument(input, body.length === 0 ? {} : form.parse(body)),
      };
    },
    render: ({ output: shape }, output) => {
      const document = shape === undefined ? {} : encodeDocument(shape, output, form.encodeTime);
      return { status: 200, body: form.render(document), headers };
    },
    renderError: (error) => {
      const { code, message, rpcName, rpcStatus, fault } = chooseCloudwatchError(error);
      const document = { __type: `${NAMESPACE}#${rpcName}`, message };
      return {
        status: rpcStatus,
        code,
        body: form.render(document),
        // The code of the query protocol, for clients that programs wrote for that one use.
        headers: { ...headers, 'x-amzn-query-error': `${code};${fault}` },
      };
    },
  };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new ServiceError({
      kind: 'malformed-input',
      resource: 'request',
      message: 'The body is not JSON.',
    });
  }
}

function unknownTarget(): ServiceError {
  return new ServiceError({
    kind: 'unknown-action',
    resource: 'action',
    message: 'The request names no operation of CloudWatch.',
  });
}
