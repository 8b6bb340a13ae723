// Owns the answers of AWS's query protocol, which STS and IAM speak: results and errors in XML.

import type { Operation, ServiceModel } from '../models/service-model.ts';
import { renderElement, renderMembers, XML_DECLARATION } from './render-xml.ts';
import { chooseWireError, type ErrorTable } from './wire-errors.ts';
import type { RenderedError, ResponseContext, WireProtocol } from './wire-protocol.ts';

export function createQueryProtocol(model: () => ServiceModel, errors: ErrorTable): WireProtocol {
  return {
    model,
    renderResponse: (operation, output, context) =>
      renderResponse(model(), operation, output, context),
    renderError: (error, requestId) => renderError(model(), errors, { error, requestId }),
  };
}

function renderResponse(
  { namespace }: ServiceModel,
  { name, output: shape }: Operation,
  output: unknown,
  { requestId, version }: ResponseContext,
): string {
  const members = shape === undefined ? '' : renderMembers(shape, Object(output ?? {}));
  // An operation that has nothing to tell has no result either.
  const result = shape === undefined ? '' : `<${name}Result>${members}</${name}Result>`;
  return (
    `${XML_DECLARATION}<${name}Response xmlns="${namespaceOf(namespace, version)}">${result}` +
    `<ResponseMetadata>${renderElement('RequestId', requestId)}</ResponseMetadata></${name}Response>`
  );
}

/** With the date of the version that the caller speaks. */
function namespaceOf(namespace: string, version: string): string {
  return namespace.replace(/\d{4}-\d{2}-\d{2}/, version);
}

function renderError(
  { namespace }: ServiceModel,
  errors: ErrorTable,
  { error, requestId }: { error: unknown; requestId: string },
): RenderedError {
  const { code, status, message } = chooseWireError(errors, error);
  const inner =
    renderElement('Type', status < 500 ? 'Sender' : 'Receiver') +
    renderElement('Code', code) +
    renderElement('Message', message);
  const body =
    `${XML_DECLARATION}<ErrorResponse xmlns="${namespace}">` +
    `<Error>${inner}</Error>${renderElement('RequestId', requestId)}</ErrorResponse>`;
  return { status, code, body };
}
