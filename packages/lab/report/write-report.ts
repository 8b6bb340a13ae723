// Owns the files of a report in a folder: the page, the same as Markdown, the figures by themselves, the raw data.

import { join } from 'node:path';
import { ensureDirectory, replaceFile } from '@ironbark/platform/files.ts';
import type { Comparison } from '../compare/compare-runs.ts';
import { comparisonFigure } from '../compare/comparison-report.ts';
import { renderBars } from './bars.ts';
import { type Figure, figuresOf } from './figures.ts';
import { renderComparisonMarkdown, renderMarkdown } from './markdown.ts';
import { renderComparisonPage, renderPage } from './page.ts';
import type { RunReport } from './run-report.ts';

type ReportFile = readonly [name: string, contents: string];

/** Their paths. Of an earlier report in the folder the same names are replaced. */
export async function writeReport(
  folder: string,
  report: RunReport,
  comparison?: Comparison,
): Promise<string[]> {
  return await writeFiles(folder, [
    ['report.html', renderPage(report, comparison)],
    ['report.md', renderMarkdown(report, comparison)],
    jsonFile('report.json', report),
    ...figuresOf(report).map(svgFile),
    ...(comparison === undefined ? [] : filesOf(comparison)),
  ]);
}

export async function writeComparison(folder: string, comparison: Comparison): Promise<string[]> {
  const page: ReportFile = ['comparison.html', renderComparisonPage(comparison)];
  const text: ReportFile = ['comparison.md', renderComparisonMarkdown(comparison)];
  return await writeFiles(folder, [page, text, ...filesOf(comparison)]);
}

function filesOf(comparison: Comparison): ReportFile[] {
  const chart = comparisonFigure(comparison);
  return [
    jsonFile('comparison.json', comparison),
    ...(chart === undefined ? [] : [svgFile({ name: 'comparison', chart })]),
  ];
}

function jsonFile(name: string, value: RunReport | Comparison): ReportFile {
  return [name, `${JSON.stringify(value, undefined, 2)}\n`];
}

function svgFile({ name, chart }: Figure): ReportFile {
  return [`${name}.svg`, renderBars(chart)];
}

async function writeFiles(folder: string, files: readonly ReportFile[]): Promise<string[]> {
  await ensureDirectory(folder, 0o755);
  for (const [name, contents] of files) {
    await replaceFile(join(folder, name), contents, { mode: 0o644 });
  }
  return files.map(([name]) => join(folder, name));
}
