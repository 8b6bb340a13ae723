// Owns the suite `s3-shared`: every conformance test of S3, on PostgreSQL and a second Walrus as the engine.

import { readdir } from 'node:fs/promises';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { runOnSharedStores } from './on-shared-stores.ts';

export interface SharedSuiteOptions {
  /** Parts of names of files; all of them when absent. */
  only: string | undefined;
  explain: (line: string) => void;
}

export async function runSharedS3({ only, explain }: SharedSuiteOptions): Promise<Figure[]> {
  const words = only?.split(',') ?? [''];
  const files = (await readdir(import.meta.dirname)).filter(
    (name) => name.endsWith('.test.ts') && words.some((word) => name.includes(word)),
  );
  const { passed, failed } = await runOnSharedStores(files.sort());
  for (const line of failed) explain(line);
  return [
    { name: 'tests passed', value: passed, bar: 1, ok: passed > 0 },
    zeroFigure('tests failed', failed.length),
  ];
}
