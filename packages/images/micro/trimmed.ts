// Owns cutting off programs what a small guest does not offer: their libraries of 60 MiB for storage and networks of others.

import { isElf, neededLibraries } from '../build/elf-file.ts';
import { withoutLibraries } from '../build/elf-trim.ts';
import { TRIMMED_LIBRARIES } from './recipe.ts';

/** The program or library itself where there is nothing to cut off. */
export function trimmed(bytes: Buffer): Buffer {
  if (!isElf(bytes)) return bytes;
  const unwanted = neededLibraries(bytes).filter(isTrimmed);
  return unwanted.length === 0 ? bytes : withoutLibraries(bytes, new Set(unwanted));
}

function isTrimmed(soname: string): boolean {
  return TRIMMED_LIBRARIES.some((pattern) => pattern.test(soname));
}
