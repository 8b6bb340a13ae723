// Owns the report as one HTML file that needs nothing beside it: tables, figures, what holds each row back, the raw data.

import { renderBytes } from '@ironbark/core/units.ts';
import type { Comparison } from '../compare/compare-runs.ts';
import { renderComparison } from '../compare/comparison-report.ts';
import { escapeXml, renderBars } from './bars.ts';
import { disagreements } from './claims.ts';
import { costTablesOf } from './cost-table.ts';
import { figuresOf } from './figures.ts';
import { networkTablesOf } from './network-tables.ts';
import type { RunReport } from './run-report.ts';
import { summaryOf } from './summary.ts';
import { type LabTable, tablesOf } from './tables.ts';

const STYLE = `
body { font: 15px/1.45 sans-serif; color: #222; max-width: 1320px; margin: 2em auto; padding: 0 1em; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 12.5px; margin: .6em 0 1em; }
th, td { padding: 3px 7px; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left; }
th.paper, td.paper { color: #7a6210; }
tr.missing td:not(.paper) { color: #999; } td small { color: #777; }
dl { max-width: 1000px; } dt { margin-top: .6em; } dd { margin: 0 0 0 1.2em; color: #666; font-size: 13px; }
summary { cursor: pointer; font-weight: bold; } svg { max-width: 100%; height: auto; }
tr.worse td { color: #a01818; } tr.better td { color: #11633b; }
pre { font-size: 12px; overflow: auto; max-height: 30em; background: #f6f6f6; padding: 1em; }`;

export const LEGEND =
  '(*) the default of Eucalyptus in 2010, (+) Ironbark’s own. RQ-SZ: average request in sectors of 512 bytes; QU-SZ: average queue; UTIL: share of the time with a request under way; all as the disk of the host saw them.';

/** `comparison`: of an earlier run with this one. */
export function renderPage(report: RunReport, comparison?: Comparison): string {
  return renderDocument(
    'Ironbark lab: the paper’s matrix',
    `<h1>The paper’s matrix on this host</h1>
<p>${escapeXml(describeRun(report))}</p>
<h2>In short</h2>
${renderList(summaryOf(report))}
<h2>Figures</h2>
${figuresOf(report)
  .map(({ chart }) => `<p>${renderBars(chart)}</p>`)
  .join('\n')}
<h2>How to read the tables</h2>
<p>${escapeXml(LEGEND)} The paper is J. Shafer, “I/O Virtualization Bottlenecks in Cloud Computing Today”, WIOV 2010.</p>
${reportTablesOf(report).map(renderTable).join('\n')}
<h2>Where the paper’s text and tables disagree</h2>
${renderList(disagreements())}
${comparison === undefined ? '' : renderComparison(comparison)}
${renderRaw(report)}`,
  );
}

export function renderComparisonPage(comparison: Comparison): string {
  const body = `<h1>Two runs of the lab</h1>\n${renderComparison(comparison)}\n${renderRaw(comparison)}`;
  return renderDocument('Ironbark lab: two runs', body);
}

function renderRaw(value: RunReport | Comparison): string {
  return `<h2>Raw data</h2>
<details><summary>As JSON</summary><pre>${escapeXml(JSON.stringify(value, undefined, 2))}</pre></details>`;
}

function renderList(sentences: readonly string[]): string {
  return `<ul>${sentences.map((each) => `<li>${escapeXml(each)}</li>`).join('')}</ul>`;
}

function renderDocument(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeXml(title)}</title>
<style>${STYLE}</style></head><body>
${body}
</body></html>
`;
}

export function describeRun(report: RunReport): string {
  const { environment, sizeBytes, profile } = report;
  const [before, after] = environment.load;
  return [
    `Profile ${profile}, ${renderBytes(sizeBytes)} a transfer, ${describeRounds(report)}.`,
    `${report.startedAt}, ${Math.round(report.tookSeconds)} s, on ${environment.processors} processors of ${environment.host} (Linux ${environment.kernel}) at load ${before.toFixed(1)} to ${after.toFixed(1)}.`,
    `${environment.hypervisor}: ${environment.acceleration}.`,
    ...(report.bootSeconds.length === 0 ? [] : [describeBoots(report.bootSeconds)]),
    ...(report.failure === undefined ? [] : [`It could not go on: ${report.failure}`]),
    ...(report.isInterrupted ? ['The run was ended before its last row.'] : []),
  ].join(' ');
}

/** What a quick run measured again counts too. */
function describeRounds({ repeat, rows, network }: RunReport): string {
  const times = repeat === 1 ? 'once' : `${repeat} times`;
  const most = Math.max(repeat, ...[...rows, ...network].map(({ samples = 0 }) => samples));
  return most === repeat ? times : `${times}, rows that were not settled up to ${most} times`;
}

function describeBoots(seconds: readonly number[]): string {
  const each = seconds.map((one) => one.toFixed(1)).join(', ');
  return `A guest took commands ${each} s after its start.`;
}

/** The paper's tables, then what it only drew. */
export function allTablesOf({ rows, network }: Pick<RunReport, 'rows' | 'network'>): LabTable[] {
  return [...tablesOf(rows), ...networkTablesOf(network)];
}

/** With what the rows cost this host, which a terminal has no room for. */
export function reportTablesOf(report: Pick<RunReport, 'rows' | 'network'>): LabTable[] {
  return [...allTablesOf(report), ...costTablesOf(report)];
}

function renderTable({ title, headings, rows, notes, hasPaper }: LabTable): string {
  const paperFrom = hasPaper
    ? headings.findIndex((heading) => heading.startsWith('PAPER'))
    : headings.length;
  const cells = (row: readonly string[], tag: string) => {
    const open = (index: number) => (index < paperFrom ? tag : `${tag} class="paper"`);
    const start = isMissing(row.slice(0, paperFrom)) ? '<tr class="missing">' : '<tr>';
    return `${start}${row.map((cell, index) => `<${open(index)}>${renderCell(cell)}</${tag}>`).join('')}</tr>`;
  };
  const explained = notes.map(
    ({ rows: names, sentence }) =>
      `<dt>${escapeXml(sentence)}</dt><dd>${escapeXml(names.join('; '))}</dd>`,
  );
  const body = rows.map((row) => cells(row, 'td')).join('');
  const table = `<h2>${escapeXml(title)}</h2><div class="table"><table>${cells(headings, 'th')}${body}</table></div>`;
  if (explained.length === 0) return table;
  return `${table}
<details open><summary>What holds the rows back, and why some were not measured</summary><dl>${explained.join('')}</dl></details>`;
}

const NOT_MEASURED = '–';
/** Of a table's row, behind its three or four names. */
const FIGURES_FROM = 4;

/** Without the paper's. A row without a guest lacks some, and was measured. */
function isMissing(row: readonly string[]): boolean {
  return row.slice(FIGURES_FROM).every((cell) => cell === NOT_MEASURED);
}

/** The range of the rounds is smaller than the one in the middle. */
function renderCell(cell: string): string {
  const [, middle, range] = /^(.+) (\(.+–.+\))$/.exec(cell) ?? [];
  return middle === undefined
    ? escapeXml(cell)
    : `${escapeXml(middle)} <small>${escapeXml(range!)}</small>`;
}
