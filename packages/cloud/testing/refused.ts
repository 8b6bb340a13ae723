// Owns the question whether an error is the refusal that a test expects.

import { type ErrorKind, type ErrorResource, isServiceError } from '@ironbark/core/errors.ts';

export function refused(kind: ErrorKind, resource?: ErrorResource, part = '') {
  return (error: unknown) =>
    isServiceError(error, kind) &&
    (resource === undefined || error.resource === resource) &&
    error.message.includes(part);
}
