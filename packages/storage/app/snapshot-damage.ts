// Owns how a snapshot that is not what was stored is reported.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';

export function damaged(id: SnapshotId, what: string, cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'digest-mismatch',
    resource: 'snapshot',
    message: `The snapshot ${id} is damaged: ${what}.`,
    cause,
  });
}

export function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
