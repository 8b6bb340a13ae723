// Owns the files of a report in a folder: the page, the figures by themselves, the raw data.

import { join } from 'node:path';
import { ensureDirectory, replaceFile } from '@ironbark/platform/files.ts';
import { renderBars } from './bars.ts';
import { figuresOf } from './figures.ts';
import { renderPage } from './page.ts';
import type { RunReport } from './run-report.ts';

/** Their paths. Of an earlier report in the folder the same names are replaced. */
export async function writeReport(folder: string, report: RunReport): Promise<string[]> {
  await ensureDirectory(folder, 0o755);
  const files: [name: string, contents: string][] = [
    ['report.html', renderPage(report)],
    ['report.json', `${JSON.stringify(report, undefined, 2)}\n`],
    ...figuresOf(report.rows).map(({ name, chart }): [string, string] => [
      `${name}.svg`,
      renderBars(chart),
    ]),
  ];
  for (const [name, contents] of files) {
    await replaceFile(join(folder, name), contents, { mode: 0o644 });
  }
  return files.map(([name]) => join(folder, name));
}
