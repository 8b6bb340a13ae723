// Owns where the passphrase of a backup comes from: a file, so that it stands in no list of processes.

import { readFileIfPresent } from '@ironbark/platform/files.ts';
import { Problem } from '../problem.ts';

const MIN_LENGTH = 8;

/** The file's first line. Undefined when no file was named. */
export async function readPassphrase(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const bytes = await readFileIfPresent(path);
  if (bytes === undefined) throw new Problem(`there is no ${path}`);
  const passphrase = bytes.toString('utf8').split(/\r?\n/, 1)[0]!;
  if (passphrase.length >= MIN_LENGTH) return passphrase;
  throw new Problem(`the passphrase in ${path} is shorter than ${MIN_LENGTH} characters`);
}
