// Owns CloudWatch's requests and answers in the query protocol: forms in, XML out.

import { ServiceError } from '@ironbark/core/errors.ts';
import { renderElement, renderMembers, XML_DECLARATION } from '../query/render-xml.ts';
import { decodeRequest, readRequestHead } from '../query/request.ts';
import { chooseCloudwatchError } from './errors.ts';
import { cloudwatchModel } from './model.ts';
import type { CloudwatchWire, WireAnswer, WireRequest } from './wire.ts';

export const QUERY_WIRE: CloudwatchWire = {
  open: (request) => {
    requireForm(request);
    const [, query = ''] = request.target.split(/\?(.*)/s, 2);
    const head = readRequestHead(cloudwatchModel(), query, request.body.toString('utf8'));
    return { action: head.action, decode: () => decodeRequest(cloudwatchModel(), head).input };
  },
  render: ({ name, output: shape }, output, requestId) => {
    const members = shape === undefined ? '' : renderMembers(shape, output);
    return answer(
      200,
      `<${name}Response xmlns="${cloudwatchModel().namespace}"><${name}Result>${members}</${name}Result>` +
        `<ResponseMetadata>${renderElement('RequestId', requestId)}</ResponseMetadata></${name}Response>`,
    );
  },
  renderError: (error, requestId) => {
    const { status, code, message, fault } = chooseCloudwatchError(error);
    const inner =
      renderElement('Type', fault) +
      renderElement('Code', code) +
      renderElement('Message', message);
    const text =
      `<ErrorResponse xmlns="${cloudwatchModel().namespace}"><Error>${inner}</Error>` +
      `${renderElement('RequestId', requestId)}</ErrorResponse>`;
    return { ...answer(status, text), code };
  },
};

function answer(status: number, xml: string): WireAnswer {
  const body = Buffer.from(`${XML_DECLARATION}${xml}`, 'utf8');
  return { status, body, headers: { 'content-type': 'text/xml;charset=UTF-8' } };
}

const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

function requireForm({ method, target, headers }: WireRequest): void {
  const type = headers['content-type'];
  const isForm = method === 'POST' && (type === undefined || FORM.test(type));
  if (target.split('?', 1)[0] === '/' && (method === 'GET' || isForm)) return;
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'request',
    message:
      'CloudWatch takes POST requests to / as application/x-www-form-urlencoded or, with X-Amz-Target, as JSON, and ' +
      'Smithy RPC v2 in CBOR.',
  });
}
