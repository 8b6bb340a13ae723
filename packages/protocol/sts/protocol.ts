// Owns STS as one of the protocols that an endpoint serves: AWS's query protocol, with no error codes of its own.

import type { Operation } from '../models/service-model.ts';
import { COMMON_ERRORS } from '../query/common-errors.ts';
import { renderElement, renderMembers, XML_DECLARATION } from '../query/render-xml.ts';
import { chooseWireError } from '../query/wire-errors.ts';
import type { RenderedError, ResponseContext, WireProtocol } from '../query/wire-protocol.ts';
import { stsModel } from './model.ts';

export const STS_PROTOCOL: WireProtocol = {
  model: stsModel,
  renderResponse: renderStsResponse,
  renderError: renderStsError,
};

export function renderStsResponse(
  { name, output: shape }: Operation,
  output: unknown,
  { requestId, version }: ResponseContext,
): string {
  const members = shape === undefined ? '' : renderMembers(shape, Object(output ?? {}));
  return (
    `${XML_DECLARATION}<${name}Response xmlns="https://sts.amazonaws.com/doc/${version}/">` +
    `<${name}Result>${members}</${name}Result>` +
    `<ResponseMetadata>${renderElement('RequestId', requestId)}</ResponseMetadata></${name}Response>`
  );
}

export function renderStsError(error: unknown, requestId: string): RenderedError {
  const { code, status, message } = chooseWireError(COMMON_ERRORS, error);
  const inner =
    renderElement('Type', status < 500 ? 'Sender' : 'Receiver') +
    renderElement('Code', code) +
    renderElement('Message', message);
  const body =
    `${XML_DECLARATION}<ErrorResponse xmlns="${stsModel().namespace}">` +
    `<Error>${inner}</Error>${renderElement('RequestId', requestId)}</ErrorResponse>`;
  return { status, code, body };
}
