// Owns bodies that a client has made smaller, as AWS's clients do with what PutMetricData puts: within a limit.

import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ServiceError } from '@ironbark/core/errors.ts';

/** "Each PutMetricData request is limited to 1 MB in size": a little of it says much more than that. */
const MAX_INFLATED_BYTES = 2 ** 20;

export async function inflateBody(body: Buffer, headers: IncomingHttpHeaders): Promise<Buffer> {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') return body;
  if (encoding !== 'gzip') throw malformed('its Content-Encoding is neither gzip nor identity');
  try {
    return await promisify(gunzip)(body, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch {
    throw malformed(`it is not gzip, or more than ${MAX_INFLATED_BYTES} bytes of it`);
  }
}

function malformed(why: string): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'request',
    message: `The body cannot be read: ${why}.`,
  });
}
