// Owns the demand that uploads say their length beforehand.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { ByteSource } from '../app/byte-source.ts';

export function requireLength(source: ByteSource): void {
  if (source.lengthBytes === undefined) throw missingLength('Content-Length');
}

export function missingLength(header: string): ServiceError {
  return new ServiceError({
    kind: 'missing-parameter',
    resource: 'content-length',
    message: `You must provide the ${header} HTTP header.`,
  });
}
