// Owns the choice of the files of the log that are worth rewriting.

import { SMALL } from '../drivers/logged-blob.ts';
import type { LogFileTable } from '../store/schema.ts';

export interface FullFile {
  file: number;
  sizeBytes: number;
}

/** Rewriting what is left of a file costs no more than what it gives back. */
const SPARSE = 0.5;
/**
 * So many small ones, which come from processes that ended early, are put together; fewer are left alone, or each start
 * would rewrite the last one's.
 */
const MIN_SMALL_FILES = 4;

/** Files to rewrite, and rows whose files are gone already. */
export function planCompaction(
  files: readonly FullFile[],
  rows: readonly LogFileTable[],
  { fileBytes, headerBytes }: { fileBytes: number; headerBytes: number },
): number[] {
  const live = new Map(
    rows.map((row) => [row.number, row.live_bytes + row.live_blobs * headerBytes]),
  );
  const isSparse = ({ file, sizeBytes }: FullFile) => (live.get(file) ?? 0) <= sizeBytes * SPARSE;
  const sparse = files.filter(isSparse);
  const small = files.filter((each) => !isSparse(each) && each.sizeBytes <= fileBytes * SMALL);
  const chosen = small.length < MIN_SMALL_FILES ? sparse : [...sparse, ...small];
  return chosen.map(({ file }) => file).sort((a, b) => a - b);
}
