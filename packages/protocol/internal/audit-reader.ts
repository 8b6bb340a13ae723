// Owns the contract by which the record of calls is read back.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { AuditEvent } from './audit-log.ts';

export interface AuditQuery {
  /** Whose calls. */
  accountId: AccountId;
  /** On or after this time; on or before that one. */
  sinceMs: number;
  untilMs: number;
  /** Where the page before ended. */
  before?: number;
  limit: number;
  matches: (event: KeptEvent) => boolean;
}

export interface KeptEvent extends AuditEvent {
  /** Unique, and the same at every look. */
  eventId: string;
}

export interface AuditPage {
  /** The newest first. There may be fewer than asked for, and more after them. */
  events: KeptEvent[];
  /** Absent at the end. */
  next?: number;
}

/** Calls about the cloud itself; those about objects, and unproven ones, are not read here. */
export interface AuditReader {
  find(query: AuditQuery): Promise<AuditPage>;
}

/** Where no record is kept. */
export const NOTHING_RECORDED: AuditReader = { find: async () => ({ events: [] }) };
