// Owns looking for events in the record of calls: of one account, the newest first, a page at a time.

import type { ChainLine } from '@ironbark/platform/record-lines.ts';
import { searchNewest } from '@ironbark/platform/record-lookup.ts';
import type { AuditPage, AuditQuery, KeptEvent } from '@ironbark/protocol/internal/audit-reader.ts';

/** A page that finds little ends here, and the next one goes on: nobody keeps the process for longer than this takes. */
const MAX_LINES = 20_000;
/** Answers are recorded in about the order of their times, and a clock may be set. */
const DISORDER_MS = 3_600_000;

export async function searchEvents(
  directory: string,
  chain: string,
  query: AuditQuery,
): Promise<AuditPage> {
  const { accountId, sinceMs, untilMs, before, limit, matches } = query;
  const events: KeptEvent[] = [];
  let isOver = false;
  const last = await searchNewest(directory, chain, {
    ...(before === undefined ? {} : { before }),
    containing: `"accountId":"${accountId}"`,
    maxLines: MAX_LINES,
    take: (line) => {
      const event = readEvent(line);
      const atMs = Date.parse(event.eventTime);
      isOver = atMs < sinceMs - DISORDER_MS;
      const isInTime = atMs >= sinceMs && atMs <= untilMs;
      const isOwn = event.userIdentity.accountId === accountId;
      if (isInTime && isOwn && matches(event)) events.push(event);
      return !isOver && events.length < limit;
    },
  });
  return { events, ...(last === undefined || isOver ? {} : { next: last }) };
}

/** The id follows from the line's place in the chain. */
function readEvent({ record, hash }: ChainLine): KeptEvent {
  const [, ...parts] = /^(.{8})(.{4})(.{4})(.{4})(.{12})/.exec(hash)!;
  return { ...(record as unknown as Omit<KeptEvent, 'eventId'>), eventId: parts.join('-') };
}
