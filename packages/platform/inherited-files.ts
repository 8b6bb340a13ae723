// Owns what a daemon does with descriptors that its parent left open by mistake: it closes them, or every process
// that it starts would have them too. Node closes those with low numbers for its children, and misses the others.

import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { hasCode } from './files.ts';

const FIRST_AFTER_STANDARD = 3;
/** O_CLOEXEC in the octal flags of /proc/<pid>/fdinfo/<fd>: what Node itself opens has it. */
const CLOSE_ON_EXEC = 0o2000000;

/** Call it before anything is opened. Answers how many there were. */
export function closeInheritedFiles(): number {
  const inherited = readdirSync('/proc/self/fd').map(Number).filter(isInherited);
  for (const fd of inherited) closeSync(fd);
  return inherited.length;
}

function isInherited(fd: number): boolean {
  if (fd < FIRST_AFTER_STANDARD) return false;
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch (error) {
    // The list itself was open while it was read.
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
