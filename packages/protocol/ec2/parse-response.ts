// Owns EC2's answers on the client's side: outputs and errors.

import { findChild, parseXml, readMembers, type XmlNode } from '../query/parse-xml.ts';
import { getEc2Operation } from './model.ts';

export interface Ec2ErrorFacts {
  code: string;
  message: string;
  requestId: string;
}

export function parseEc2Response(action: string, xml: string): Record<string, unknown> {
  const { output } = getEc2Operation(action);
  return output === undefined ? {} : readMembers(output, parseXml(xml));
}

/** Undefined for a body that is not an EC2 error, such as a proxy's page. */
export function parseEc2Error(xml: string): Ec2ErrorFacts | undefined {
  const root = tryParse(xml);
  const error = findChild(findChild(root, 'Errors'), 'Error');
  const code = findChild(error, 'Code')?.text;
  if (root === undefined || code === undefined) return undefined;
  return {
    code,
    message: findChild(error, 'Message')?.text ?? '',
    requestId: findChild(root, 'RequestID')?.text ?? '',
  };
}

function tryParse(xml: string): XmlNode | undefined {
  try {
    return parseXml(xml);
  } catch {
    return undefined;
  }
}
