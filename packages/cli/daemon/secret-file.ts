// Owns files of secrets that an administrator gives by their paths: plain ones that nobody else may read.

import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { readFileIfPresent } from '@ironbark/platform/files.ts';
import { Problem } from '../problem.ts';

const OTHERS = 0o077;

/** `path` is absolute; `what` names it in sentences. */
export async function readSecretFile(
  path: string,
  { what, advice }: { what: string; advice: string },
): Promise<string> {
  const facts = isAbsolute(path) ? await stat(path).catch(() => undefined) : undefined;
  if (facts?.isFile() !== true) throw new Problem(`${what} ${path} is no file`, [advice]);
  if ((facts.mode & OTHERS) !== 0) {
    throw new Problem(`others can read ${what} ${path}`, [`chmod 600 ${path}`]);
  }
  return (await readFileIfPresent(path))?.toString('utf8') ?? '';
}
