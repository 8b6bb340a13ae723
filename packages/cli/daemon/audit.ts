// Owns the audit log of an embedded cloud: two chains of records, so that millions of calls about objects, or requests
// that nobody signed, do not push out what was done to the cloud itself.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { RecordChain } from '@ironbark/platform/record-chain.ts';
import {
  type AuditEvent,
  type AuditLog,
  mayHaveChanged,
} from '@ironbark/protocol/internal/audit-log.ts';
import type { AuditReader } from '@ironbark/protocol/internal/audit-reader.ts';
import { searchEvents } from './audit-search.ts';

/** The chains' names: calls of EC2, STS and about buckets; calls about objects, and unproven requests. */
export const AUDIT_CHAINS = ['management', 'data'] as const;

export interface EmbeddedAudit extends AuditLog, AuditReader, AsyncDisposable {
  /** All records up to now are on stable storage when this resolves. */
  flush(): Promise<void>;
}

export async function openAudit(options: {
  directory: string;
  clock: Clock;
  logger: Logger;
}): Promise<EmbeddedAudit> {
  const [management, data] = await Promise.all(
    AUDIT_CHAINS.map((name) => RecordChain.open({ ...options, name })),
  );
  const chainOf = (event: AuditEvent) => (event.managementEvent ? management! : data!);
  return {
    record: async (event) => {
      if (mayHaveChanged(event)) await chainOf(event).appendDurably(event);
      else chainOf(event).append(event);
    },
    find: (query) => searchEvents(options.directory, AUDIT_CHAINS[0], query),
    flush: async () => {
      await Promise.all([management!.flush(), data!.flush()]);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([management![Symbol.asyncDispose](), data![Symbol.asyncDispose]()]);
    },
  };
}
