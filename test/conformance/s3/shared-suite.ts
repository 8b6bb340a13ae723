// Owns the suites `s3-shared` and `s3-ceph`: every conformance test of S3, on PostgreSQL and a second Walrus or Ceph's S3 as
// the engine.

import { readdir } from 'node:fs/promises';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { runOnSharedStores } from './on-shared-stores.ts';

export interface SharedSuiteOptions {
  /** Parts of names of files; all of them when absent. */
  only: string | undefined;
  explain: (line: string) => void;
}

export async function runS3OnCeph(options: SharedSuiteOptions): Promise<Figure[]> {
  return await runSharedS3({ ...options, isCeph: true });
}

export async function runSharedS3({
  only,
  explain,
  isCeph = false,
}: SharedSuiteOptions & { isCeph?: boolean }): Promise<Figure[]> {
  const words = only?.split(',') ?? [''];
  const files = (await readdir(import.meta.dirname)).filter(
    (name) => name.endsWith('.test.ts') && words.some((word) => name.includes(word)),
  );
  const { passed, failed } = await runOnSharedStores(files.sort(), { isCeph });
  for (const line of failed) explain(line);
  return [
    { name: 'tests passed', value: passed, bar: 1, ok: passed > 0 },
    zeroFigure('tests failed', failed.length),
  ];
}
