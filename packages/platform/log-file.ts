// Owns the log on disk: a file that never grows past its cap, with one older generation beside it. A log that
// cannot be written loses lines, says how many once it can, and never ends what it is the log of.

import { appendFileSync, renameSync, statSync } from 'node:fs';

/** About 50,000 lines; two generations make 20 MiB at most. */
const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** Gives the writer of a log file. Lines are written at once, so that the last one before a crash is there. */
export function openLogFile(path: string, maxBytes = MAX_LOG_BYTES): (line: string) => void {
  let size = currentSize(path);
  let lost = 0;
  const append = (text: string) => {
    if (size > maxBytes) {
      renameSync(path, `${path}.1`);
      size = 0;
    }
    appendFileSync(path, text, { mode: 0o600 });
    size += Buffer.byteLength(text);
  };
  return (line) => {
    try {
      append(lost === 0 ? line : `${renderLoss(lost)}${line}`);
      lost = 0;
    } catch {
      // A full disk, most of all.
      lost += 1;
    }
  };
}

/** Begins with a newline: the line that failed may be there in part. */
function renderLoss(lines: number): string {
  const record = { level: 'warn', message: 'log lines could not be written and are lost', lines };
  return `\n${JSON.stringify(record)}\n`;
}

function currentSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
