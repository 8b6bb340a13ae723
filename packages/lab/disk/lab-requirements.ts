// Owns what a host needs for a modelled disk.

import { access, constants } from 'node:fs/promises';

/** Undefined when it has it. */
export async function whyNoLabDisk(): Promise<string | undefined> {
  const may = await access('/dev/fuse', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!may) return 'a modelled disk needs /dev/fuse';
  if (process.getuid?.() !== 0) return 'a modelled disk needs root: FUSE files are its owner’s';
  return undefined;
}
