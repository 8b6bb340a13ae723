// Owns the report as Markdown, for an issue or a wiki: the run, its figures as files beside it, its tables, and what holds
// each row back. Pure.

import type { Comparison } from '../compare/compare-runs.ts';
import {
  COMPARISON_HEADINGS,
  comparisonCells,
  comparisonFigure,
  describeComparison,
} from '../compare/comparison-report.ts';
import { disagreements } from './claims.ts';
import { type Figure, figuresOf } from './figures.ts';
import { describeRun, LEGEND, reportTablesOf } from './page.ts';
import type { RunReport } from './run-report.ts';
import { summaryOf } from './summary.ts';
import type { LabTable } from './tables.ts';

/** Columns before this one are names, and stand to the left. */
const FIRST_NUMBER = 3;

/** `comparison`: of an earlier run with this one. The figures are linked by the names of their files. */
export function renderMarkdown(report: RunReport, comparison?: Comparison): string {
  const figures = figuresOf(report).map(renderFigure);
  return join([
    '# The paper’s matrix on this host',
    ...[describeRun(report), LEGEND].map(escapeMarkdown),
    '## In short',
    listOf(summaryOf(report)),
    ...(figures.length === 0 ? [] : ['## Figures', ...figures]),
    ...reportTablesOf(report).map(renderLabTable),
    '## Where the paper’s text and tables disagree',
    listOf(disagreements()),
    ...(comparison === undefined
      ? []
      : ['## Compared with the run before', ...comparisonParts(comparison)]),
  ]);
}

export function renderComparisonMarkdown(comparison: Comparison): string {
  return join(['# Two runs of the lab', ...comparisonParts(comparison)]);
}

function comparisonParts(comparison: Comparison): string[] {
  const rows = comparisonCells(comparison);
  const chart = comparisonFigure(comparison);
  return [
    listOf(describeComparison(comparison)),
    tableOf(COMPARISON_HEADINGS, rows),
    ...(chart === undefined ? [] : [renderFigure({ name: 'comparison', chart })]),
  ];
}

function renderFigure({ name, chart }: Figure): string {
  return `![${escapeMarkdown(chart.title)}](${name}.svg)`;
}

function renderLabTable({ title, headings, rows, notes }: LabTable): string {
  const parts = [`## ${escapeMarkdown(title)}`, tableOf(headings, rows)];
  if (notes.length > 0) {
    const said = notes.map(({ rows: names, sentence }) => `${names.join('; ')}: ${sentence}`);
    parts.push('What holds the rows back, and why some were not measured:', listOf(said));
  }
  return parts.join('\n\n');
}

function tableOf(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  const sides = headings.map((_, index) => (index < FIRST_NUMBER ? '---' : '---:'));
  return [line(headings), `|${sides.join('|')}|`, ...rows.map(line)].join('\n');
}

function listOf(sentences: readonly string[]): string {
  return sentences.map((each) => `- ${escapeMarkdown(each)}`).join('\n');
}

function join(parts: readonly string[]): string {
  return `${parts.join('\n\n')}\n`;
}

/** One line, none of whose signs are Markdown’s or HTML’s. */
export function escapeMarkdown(words: string): string {
  return words.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_[\]<>|&#~]/g, (sign) => `\\${sign}`);
}
