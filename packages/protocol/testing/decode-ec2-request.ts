// Owns EC2's requests on the server's side: form body and query string in, checked input out.

import { ec2Model } from '../ec2/model.ts';
import { type DecodedRequest, decodeRequest, readRequestHead } from '../query/request.ts';

/** Throws a ServiceError for anything that the model does not allow. */
export function decodeEc2Request(...sources: readonly string[]): DecodedRequest {
  return decodeRequest(ec2Model(), readRequestHead(ec2Model(), ...sources));
}
