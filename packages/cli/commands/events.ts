// Owns `ironbark events`: who asked this cloud for what, and the proof that the record of it is whole.

import { type ChainReport, readChain } from '@ironbark/platform/record-reader.ts';
import type { AuditEvent } from '@ironbark/protocol/internal/audit-log.ts';
import { findConfig } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import { AUDIT_CHAINS } from '../daemon/audit.ts';
import { dataPaths } from '../daemon/paths.ts';
import { Problem } from '../problem.ts';
import { parseSince } from '../since.ts';
import { renderTable } from '../terminal.ts';

export interface EventsOptions {
  /** A time, or how long ago. */
  since?: string;
  lines: number;
  verify: boolean;
}

/** The exit code of a record that was tampered with, so that scripts can ask. */
const NOT_WHOLE = 4;

export async function showEvents(context: CliContext, options: EventsOptions): Promise<number> {
  if ((await findConfig(context.dataDir)) === undefined) {
    throw new Problem(`${context.dataDir} holds no cloud`, [
      'for another cloud name its folder: --data-dir FOLDER',
    ]);
  }
  const sinceMs =
    options.since === undefined ? 0 : parseSince(options.since, context.clock.nowMs());
  const { events, chains } = await readEvents(context, { sinceMs, lines: options.lines });
  const isWhole = chains.every(({ faults }) => faults.length === 0);
  if (options.verify) context.terminal.result({ isWhole, chains }, () => renderReport(chains));
  else context.terminal.result(events, () => renderEvents(events));
  if (isWhole) return 0;
  if (!options.verify)
    context.terminal.warn(`the record is not whole: ${context.self} events --verify`);
  return NOT_WHOLE;
}

/** The newest `lines` events since then, oldest first. */
async function readEvents(
  { dataDir }: CliContext,
  { sinceMs, lines }: { sinceMs: number; lines: number },
): Promise<{ events: AuditEvent[]; chains: ChainReport[] }> {
  const since = new Date(sinceMs).toISOString();
  const chains: ChainReport[] = [];
  const events: AuditEvent[] = [];
  for (const name of AUDIT_CHAINS) {
    const newest: AuditEvent[] = [];
    const report = await readChain(dataPaths(dataDir).events, name, (record) => {
      const event = record as unknown as AuditEvent;
      if (event.eventTime < since) return;
      newest.push(event);
      // Cut now and then, so that a long record costs no memory.
      if (newest.length > 2 * lines + 1_000) newest.splice(0, newest.length - lines);
    });
    chains.push(report);
    events.push(...newest);
  }
  events.sort((a, b) => (a.eventTime < b.eventTime ? -1 : 1));
  return { events: events.slice(Math.max(0, events.length - lines)), chains };
}

function renderEvents(events: readonly AuditEvent[]): string {
  if (events.length === 0) return 'No events.';
  const rows = events.map((event) => [
    event.eventTime,
    event.userIdentity.accountId ?? `(${event.userIdentity.type.toLowerCase()})`,
    event.sourceIPAddress,
    `${event.eventSource.split('.')[0]}:${event.eventName}`,
    event.errorCode ?? String(event.httpStatus),
    describeResources(event),
  ]);
  return renderTable(['TIME', 'ACCOUNT', 'FROM', 'CALL', 'OUTCOME', 'RESOURCES'], rows);
}

const RESOURCES_SHOWN = 3;

function describeResources({ resources, resourcesOmitted = 0 }: AuditEvent): string {
  const names = resources.map(({ ARN }) =>
    ARN.split(':')
      .slice(5)
      .join(':')
      .replace(/^[a-z-]+\/(?=[a-z]+-[0-9a-f]{8})/, ''),
  );
  const more = names.length + resourcesOmitted - RESOURCES_SHOWN;
  const shown = names.slice(0, RESOURCES_SHOWN).join(' ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function renderReport(chains: readonly ChainReport[]): string {
  return chains.map((chain) => renderChain(chain)).join('\n');
}

function renderChain({ chain, records, head, faults, notes }: ChainReport): string {
  const verdict = faults.length === 0 ? 'whole' : 'NOT WHOLE';
  const lines = [`${chain}: ${verdict}, ${records} events, head ${head.sequence} ${head.hash}`];
  return [
    ...lines,
    ...faults.map((fault) => `  ✖ ${fault}`),
    ...notes.map((note) => `  ! ${note}`),
  ].join('\n');
}
