// Owns the log on disk: a file that never grows past its cap, with one older generation beside it.

import { appendFileSync, renameSync, statSync } from 'node:fs';

/** About 50,000 lines; two generations make 20 MiB at most. */
const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** Gives the writer of a log file. Lines are written at once, so that the last one before a crash is there. */
export function openLogFile(path: string, maxBytes = MAX_LOG_BYTES): (line: string) => void {
  let size = currentSize(path);
  return (line) => {
    if (size > maxBytes) {
      renameSync(path, `${path}.1`);
      size = 0;
    }
    appendFileSync(path, line, { mode: 0o600 });
    size += Buffer.byteLength(line);
  };
}

function currentSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
