// Owns the choice of the protocol in which a request to CloudWatch is written.

import type { IncomingHttpHeaders } from 'node:http';
import { QUERY_WIRE } from './query-wire.ts';
import { CBOR_WIRE, JSON_WIRE } from './rpc-wire.ts';
import type { CloudwatchWire } from './wire.ts';

/**
 * AWS CLI v2, boto3 and the SDK for JavaScript send JSON today, SDKs for Go and Java CBOR, older ones the query
 * protocol; the model names all three.
 */
export function chooseWire(headers: IncomingHttpHeaders): CloudwatchWire {
  if (headers['smithy-protocol'] !== undefined) return CBOR_WIRE;
  return headers['x-amz-target'] === undefined ? QUERY_WIRE : JSON_WIRE;
}
