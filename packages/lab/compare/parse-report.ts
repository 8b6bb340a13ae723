// Owns reading a report that an earlier run wrote down: what comparisons and budgets take of it is checked, each error with
// its place. Pure.

import type { RunReport } from '../report/run-report.ts';
import type { Spread } from '../run/statistics.ts';

/** What is wrong with a file, for people. */
export class ReportError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReportError';
  }
}

export const REPORT_FORMAT = 'ironbark-lab/1';
/** A run of the whole matrix takes one. */
export const MAX_REPORT_BYTES = 32 * 2 ** 20;
const MOST_ROWS = 10_000;

type Members = Readonly<Record<string, unknown>>;

/** Throws ReportError. */
export function parseReport(text: string): RunReport {
  const report = parseMembers(text);
  if (report['format'] !== REPORT_FORMAT) {
    throw new ReportError(`it is no report of a lab run: its format is not ${REPORT_FORMAT}`);
  }
  const environment = requireMembers(report['environment'], 'environment');
  requireAll(report, '', { startedAt: 'string', profile: 'string', sizeBytes: 'number' });
  requireAll(report, '', { repeat: 'number', testbed: 'object' });
  requireAll(environment, 'environment.', {
    ...{ host: 'string', kernel: 'string', processors: 'number' },
    ...{ hypervisor: 'string', acceleration: 'string', load: 'object' },
  });
  requireLoad(environment['load']);
  const rows = requireRows(report['rows'], 'rows');
  for (const [row, place] of rows) requireDiskRow(row, place);
  const network = requireRows(report['network'] ?? [], 'network');
  for (const [row, place] of network) requireNetworkRow(row, place);
  requireOnce([...rows, ...network].map(([row]) => row['id'] as string));
  return { ...(report as unknown as RunReport), network: network.map(([row]) => row) as never };
}

export function parseMembers(text: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ReportError(`it is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  return requireMembers(value, 'it');
}

function requireDiskRow(row: Members, place: string): void {
  requireAll(row, place, { vmm: 'string', target: 'string', setting: 'string' });
  requireAll(row, place, { direction: 'string', workload: 'string' });
  requireSpreads(row['spread'], place, 'mbps');
}

function requireNetworkRow(row: Members, place: string): void {
  requireAll(row, place, { nic: 'string', peer: 'string', measure: 'string' });
  requireAll(row, place, { streams: 'number', mtu: 'number' });
  requireSpreads(row['spread'], place, 'value');
}

function requireSpreads(value: unknown, place: string, member: 'mbps' | 'value'): void {
  if (value === undefined) return;
  const spread = requireMembers(value, `${place}spread`);
  requireSpread(spread[member], `${place}spread.${member}`);
  if (spread['ratio'] !== undefined) requireSpread(spread['ratio'], `${place}spread.ratio`);
}

function requireSpread(value: unknown, place: string): asserts value is Spread {
  const { median, lowest, highest } = requireMembers(value, place);
  const isOne = [median, lowest, highest].every(
    (each) => typeof each === 'number' && Number.isFinite(each) && each >= 0,
  );
  if (!isOne) throw new ReportError(`${place} has to have median, lowest and highest as numbers`);
}

function requireLoad(load: unknown): void {
  const isLoad =
    Array.isArray(load) && load.length === 2 && load.every((each) => typeof each === 'number');
  if (!isLoad) throw new ReportError('environment.load has to be two numbers');
}

function requireRows(value: unknown, place: string): [row: Members, place: string][] {
  if (!Array.isArray(value) || value.length > MOST_ROWS) {
    throw new ReportError(`${place} has to be a list of at most ${MOST_ROWS} rows`);
  }
  return value.map((each, index) => {
    const row = requireMembers(each, `${place}[${index}]`);
    requireAll(row, `${place}[${index}].`, { id: 'string' });
    if (row['reason'] !== undefined) requireAll(row, `${place}[${index}].`, { reason: 'string' });
    return [row, `${place}[${index}].`];
  });
}

function requireOnce(ids: readonly string[]): void {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) throw new ReportError(`the row ${id} is there twice`);
    seen.add(id);
  }
}

export function requireMembers(value: unknown, place: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw new ReportError(`${place} has to be an object, in braces`);
}

function requireAll(
  members: Members,
  place: string,
  wanted: Readonly<Record<string, 'string' | 'number' | 'object'>>,
): void {
  for (const [name, kind] of Object.entries(wanted)) {
    const value = members[name];
    if (typeof value !== kind || value === null)
      throw new ReportError(`${place}${name} has to be a ${kind}`);
  }
}
