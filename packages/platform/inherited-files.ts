// Owns what a daemon does with descriptors that its parent left open by mistake: it keeps them from the processes that
// it starts. Node does so for those with low numbers, and misses the others.
//
// They are marked, not closed: another thread of this process may have one open for a moment, and closing that would
// take it from under it, or close what has its number next.

import { readdirSync, readFileSync } from 'node:fs';
import { hasCode } from './files.ts';
import { ioctl } from './libc.ts';

const FIRST_AFTER_STANDARD = 3;
/** O_CLOEXEC in the octal flags of /proc/<pid>/fdinfo/<fd>: what Node itself opens has it. */
const CLOSE_ON_EXEC = 0o2000000;
/** From asm-generic/ioctls.h. */
const FIOCLEX = 0x5451;

/** Answers how many there were. */
export function keepInheritedFilesFromChildren(): number {
  const inherited = readdirSync('/proc/self/fd').map(Number).filter(isInherited);
  for (const fd of inherited) keepFromChildren(fd);
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

function keepFromChildren(fd: number): void {
  try {
    ioctl(fd, FIOCLEX, Buffer.alloc(0), 'FIOCLEX');
  } catch (error) {
    if (!hasCode(error, 'EBADF')) throw error;
  }
}
