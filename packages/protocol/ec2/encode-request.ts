// Owns EC2's requests on the client's side.

import { encodeInput } from '../query/encode-input.ts';
import { ec2Model, getEc2Operation } from './model.ts';

/** The form body of a request. */
export function encodeEc2Request(action: string, input: object): string {
  const { input: shape } = getEc2Operation(action);
  return encodeInput(action, ec2Model().version, shape, input, 'flat');
}
