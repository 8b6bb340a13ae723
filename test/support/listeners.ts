// Owns what of a cloud can be connected to: every listening TCP, UDP and Unix socket of its processes.

import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProcesses } from '@ironbark/platform/processes.ts';

export interface Listener {
  kind: 'tcp' | 'udp' | 'unix';
  program: string;
  pid: number;
  /** `address:port`, with the interface after a percent sign where it is bound to one; or a path. */
  address: string;
}

/** Of the processes that name one of these in their arguments. */
export async function listListeners(marks: readonly string[]): Promise<Listener[]> {
  const processes = await findProcesses((argument) =>
    marks.some((mark) => argument.includes(mark)),
  );
  const pids = new Set(processes.map(({ pid }) => pid));
  const found: Listener[] = [];
  for (const kind of ['tcp', 'udp', 'unix'] as const) {
    const { stdout } = await systemCommands.run('ss', ['-H', '-l', '-n', '-p', `--${kind}`]);
    for (const line of stdout.split('\n')) found.push(...parseLine(kind, line));
  }
  return found.filter(({ pid }) => pids.has(pid));
}

/** ss(8) prints state, queues, local and peer address; a Unix socket has its type first and an inode for a port. */
function parseLine(kind: Listener['kind'], line: string): Listener[] {
  const fields = line.trim().split(/\s+/);
  const address = kind === 'unix' ? fields[4] : fields[3];
  // A Unix socket without a name is one end of a connection.
  if (address === undefined || address === '*') return [];
  const users = [...line.matchAll(/\("([^"]+)",pid=(\d+),fd=\d+\)/g)];
  return users.map(([, program, pid]) => ({ kind, program: program!, pid: Number(pid), address }));
}
