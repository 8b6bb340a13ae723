// Owns how a comparison is shown: as a table, as a figure, and as a part of a page. Pure.

import { type Bar, type BarChart, escapeXml, renderBars } from '../report/bars.ts';
import { renderRate, renderShare, renderSpread } from '../report/tables.ts';
import type { Compared, ComparedRow, ComparedRun, Comparison, Verdict } from './compare-runs.ts';

export const COMPARISON_HEADINGS = [
  ...['ROW', 'WHAT', 'BEFORE', 'AFTER', 'UNIT', 'OF HOST BEFORE', 'AFTER', 'CHANGE', ''],
];

/** Nothing is said of what is the same. */
const WORDS: Readonly<Record<Verdict, string>> = {
  same: '',
  better: 'better',
  worse: 'WORSE',
  'only-before': 'not measured after',
  'only-after': 'not measured before',
};

export function describeComparison({ before, after, counts, differences }: Comparison): string[] {
  return [
    `Before: ${describeRunShortly(before)}.`,
    `After: ${describeRunShortly(after)}.`,
    `${counts.worse} worse, ${counts.better} better, ${counts.same} the same; ${counts['only-before'] + counts['only-after']} that one of the two has not measured.`,
    'Better and worse: the ratio to the host (of the host’s own rows, the rate) by more than 5 %, with no round of one run among those of the other.',
    ...differences,
  ];
}

function describeRunShortly({ startedAt, host, profile, load }: ComparedRun): string {
  return `${startedAt} on ${host}, profile ${profile}, load ${load[0].toFixed(1)} to ${load[1].toFixed(1)}`;
}

export function comparisonCells({ rows }: Comparison): string[][] {
  return rows.map((row) => {
    const { name, measure, value, ratio, unit, verdict } = row;
    return [
      ...[name, measure],
      ...pairOf(value, renderRate),
      value === undefined ? '' : unit,
      ...pairOf(ratio, isTrip(row) ? renderTimes : renderShare),
      renderChange(ratio ?? value),
      WORDS[verdict],
    ];
  });
}

function pairOf(compared: Compared | undefined, render: (value: number) => string): string[] {
  if (compared === undefined) return ['–', '–'];
  return [renderSpread(compared.before, render), renderSpread(compared.after, render)];
}

function renderChange(compared: Compared | undefined): string {
  if (compared === undefined) return '–';
  const percent = Math.round(100 * compared.change);
  return `${percent > 0 ? '+' : ''}${percent} %`;
}

function renderTimes(ratio: number): string {
  return `${ratio.toFixed(1)} times`;
}

function isTrip({ unit }: ComparedRow): boolean {
  return unit === 'us';
}

/** Of what has a share of the host: round trips are times of it, and would dwarf the others. */
export function comparisonFigure({ rows }: Comparison): BarChart | undefined {
  const shares = rows.filter((row) => row.ratio !== undefined && !isTrip(row));
  if (shares.length === 0) return undefined;
  const measures = [...new Set(shares.map(({ measure }) => measure))];
  return {
    title: 'Both runs, of what the host’s own program gets in the same run',
    caption: 'What differs by more than the rounds of each run among themselves is marked.',
    others: 'the run before',
    groups: measures.map((measure) => ({
      name: measure,
      bars: shares.filter((row) => row.measure === measure).map(barOf),
    })),
  };
}

function barOf({ name, ratio, verdict }: ComparedRow): Bar {
  const { before, after } = ratio!;
  const word = WORDS[verdict];
  return {
    label: name,
    value: after.median,
    ...{ lowest: after.lowest, highest: after.highest, paper: before.median },
    beside: `${renderShare(after.median)}${word === '' ? '' : `, ${word}`}`,
  };
}

/** A part of a page: its heading, sentences, table and figure. */
export function renderComparison(comparison: Comparison): string {
  const sentences = describeComparison(comparison).map((each) => `<li>${escapeXml(each)}</li>`);
  const chart = comparisonFigure(comparison);
  const cell = (tag: string) => (text: string) => `<${tag}>${escapeXml(text)}</${tag}>`;
  const rows = comparisonCells(comparison).map((cells, index) => {
    const { verdict } = comparison.rows[index]!;
    return `<tr class="${verdict}">${cells.map(cell('td')).join('')}</tr>`;
  });
  return `<h2>Compared with the run before</h2>
<ul>${sentences.join('')}</ul>
<table class="comparison"><tr>${COMPARISON_HEADINGS.map(cell('th')).join('')}</tr>${rows.join('')}</table>
${chart === undefined ? '' : `<p>${renderBars(chart)}</p>`}`;
}
