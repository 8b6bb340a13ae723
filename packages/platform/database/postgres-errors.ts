// Owns what an error of PostgreSQL means: another try, an outage, a full disk, or a bug of ours.

import { ServiceError } from '@ironbark/core/errors.ts';
import { DatabaseError } from 'pg';

/**
 * Another transaction was first: serialization_failure, deadlock_detected, and unique_violation, which a transaction may
 * get in place of the first where both looked before they inserted. Source: PostgreSQL, "Serialization Failure Handling".
 */
const CONFLICTS: readonly string[] = ['40001', '40P01', '23505'];

/** disk_full. */
const DISK_FULL = '53100';

/**
 * By class: connections, resources, the operator; then read_only_sql_transaction, which a server that became a standby
 * answers, idle_in_transaction_session_timeout, and a plan that a change of schema has made useless.
 */
const OUTAGE = /^(?:08|53|57|58)|^(?:25006|25P03|0A000)$/;

export function isConflict(error: unknown): boolean {
  return error instanceof DatabaseError && CONFLICTS.includes(error.code ?? '');
}

/** After it the connection is of no use. */
export function breaksConnection(error: unknown): boolean {
  return !(error instanceof DatabaseError) || OUTAGE.test(error.code ?? '');
}

/** What callers are told; a bug stays what it is. */
export function explain(error: unknown): unknown {
  if (!breaksConnection(error)) return error;
  const isFull = error instanceof DatabaseError && error.code === DISK_FULL;
  return new ServiceError({
    kind: isFull ? 'out-of-space' : 'unavailable',
    resource: 'host',
    message: isFull
      ? 'The disk of the database is full; nothing was changed. Make room and try again.'
      : 'The database cannot be reached just now. Please try again.',
    cause: error,
  });
}

export function tooManyConflicts(cause: unknown): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'host',
    message: 'Others are changing the same all the time. Please try again.',
    cause,
  });
}
