// Owns EC2's error document.

import { renderElement, XML_DECLARATION } from '../query/render-xml.ts';
import { chooseWireError } from '../query/wire-errors.ts';
import type { RenderedError } from '../query/wire-protocol.ts';
import { EC2_ERRORS } from './errors.ts';

export function renderEc2Error(error: unknown, requestId: string): RenderedError {
  const { code, status, message } = chooseWireError(EC2_ERRORS, error);
  const inner = renderElement('Code', code) + renderElement('Message', message);
  const body =
    `${XML_DECLARATION}<Response><Errors><Error>${inner}</Error></Errors>` +
    `${renderElement('RequestID', requestId)}</Response>`;
  return { status, code, body };
}
