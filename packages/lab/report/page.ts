// Owns the report as one HTML file that needs nothing beside it: tables, figures, what holds each row back, the raw data.

import { renderBytes } from '@ironbark/core/units.ts';
import { escapeXml, renderBars } from './bars.ts';
import { disagreements } from './claims.ts';
import { figuresOf } from './figures.ts';
import type { RunReport } from './run-report.ts';
import { type LabTable, tablesOf } from './tables.ts';

const STYLE = `
body { font: 15px/1.45 sans-serif; color: #222; max-width: 1180px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; font-size: 13px; margin: .6em 0 1em; }
th, td { padding: 3px 9px; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left; }
th:nth-child(n+9), td:nth-child(n+9) { color: #7a6210; }
dt { font-weight: bold; } dd { margin: 0 0 .5em 1.2em; } svg { max-width: 100%; height: auto; }
pre { font-size: 12px; overflow: auto; max-height: 30em; background: #f6f6f6; padding: 1em; }`;

const LEGEND =
  '(*) the default of Eucalyptus in 2010, (+) Ironbark’s own. RQ-SZ: average request in sectors of 512 bytes; QU-SZ: average queue; UTIL: share of the time with a request under way; all as the disk of the host saw them.';

export function renderPage(report: RunReport): string {
  const { rows } = report;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Ironbark lab: the paper’s matrix</title>
<style>${STYLE}</style></head><body>
<h1>The paper’s matrix on this host</h1>
<p>${escapeXml(describeRun(report))}</p>
<p>${escapeXml(LEGEND)} The paper is J. Shafer, “I/O Virtualization Bottlenecks in Cloud Computing Today”, WIOV 2010.</p>
${tablesOf(rows).map(renderTable).join('\n')}
<h2>Figures</h2>
${figuresOf(rows)
  .map(({ chart }) => `<p>${renderBars(chart)}</p>`)
  .join('\n')}
<h2>Where the paper’s text and tables disagree</h2>
<ul>${disagreements()
    .map((each) => `<li>${escapeXml(each)}</li>`)
    .join('')}</ul>
<h2>Raw data</h2>
<pre>${escapeXml(JSON.stringify(report, undefined, 2))}</pre>
</body></html>
`;
}

export function describeRun(report: RunReport): string {
  const { environment, repeat, sizeBytes, testbed } = report;
  const [before, after] = environment.load;
  return [
    `Testbed ${testbed}, ${renderBytes(sizeBytes)} a transfer, ${repeat === 1 ? 'once' : `${repeat} times`}.`,
    `${report.startedAt}, ${Math.round(report.tookSeconds)} s, on ${environment.processors} processors of ${environment.host} (Linux ${environment.kernel}) at load ${before.toFixed(1)} to ${after.toFixed(1)}.`,
    `${environment.hypervisor}: ${environment.acceleration}.`,
    ...(report.isInterrupted ? ['The run was ended before its last row.'] : []),
  ].join(' ');
}

function renderTable({ title, headings, rows, notes }: LabTable): string {
  const cells = (row: readonly string[], tag: string) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeXml(cell)}</${tag}>`).join('')}</tr>`;
  const explained = notes.map(
    ({ rows: names, sentence }) =>
      `<dt>${escapeXml(names.join('; '))}</dt><dd>${escapeXml(sentence)}</dd>`,
  );
  return `<h2>${escapeXml(title)}</h2><table>${cells(headings, 'th')}${rows.map((row) => cells(row, 'td')).join('')}</table>
<details open><summary>What holds the rows back</summary><dl>${explained.join('')}</dl></details>`;
}
