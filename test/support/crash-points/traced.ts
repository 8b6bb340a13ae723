// Owns how a program is made to die in place of one of its system calls: it is run under strace, which kills it.

/** What changes a disk or starts a program; `when` counts the calls of one thread. */
export const CRASH_CALLS = {
  syncs: 'fsync,fdatasync',
  /** SQLite's, among others. */
  writes: 'pwrite64,fdatasync,fsync,ftruncate,unlink',
} as const;

/**
 * The command that runs `command` and kills it in place of the `nth` of these calls in one of its threads.
 * -D: the process that is started is the program, and strace is its grandchild, so that signals and the pid mean the
 * program. -b: programs that it starts are left alone.
 */
export function killedAtCall(
  command: readonly string[],
  { calls, nth }: { calls: string; nth: number },
): string[] {
  const inject = `inject=${calls}:error=EIO:signal=KILL:when=${nth}`;
  const options = ['-D', '-f', '-b', 'execve', '-qqq', '-o', '/dev/null'];
  return ['strace', ...options, '-e', `trace=${calls}`, '-e', inject, ...command];
}
