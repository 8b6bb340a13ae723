// Owns EC2's answers on the server's side.

import type { Operation } from '../models/service-model.ts';
import { renderElement, renderMembers, XML_DECLARATION } from '../query/render-xml.ts';
import type { ResponseContext } from '../query/wire-protocol.ts';

/** The members stand beside the request id; an operation without output says only that it went well. */
export function renderEc2Response(
  operation: Operation,
  output: unknown,
  context: ResponseContext,
): string {
  const { name } = operation;
  const members =
    operation.output === undefined
      ? renderElement('return', 'true')
      : renderMembers(operation.output, Object(output ?? {}));
  return (
    `${XML_DECLARATION}<${name}Response xmlns="http://ec2.amazonaws.com/doc/${context.version}/">` +
    `${renderElement('requestId', context.requestId)}${members}</${name}Response>`
  );
}
