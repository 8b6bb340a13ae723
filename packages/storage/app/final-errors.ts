// Owns which failures end a volume or a snapshot for good; everything else is repeated.

import { type ErrorKind, isServiceError, type ServiceError } from '@ironbark/core/errors.ts';

const FINAL: ReadonlySet<ErrorKind> = new Set([
  'out-of-space',
  'digest-mismatch',
  'not-found',
  'too-large',
  'invalid-parameter',
  'invalid-range',
  'unsupported',
]);

export function isFinal(error: unknown): error is ServiceError {
  return isServiceError(error) && FINAL.has(error.kind);
}
