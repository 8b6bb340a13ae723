// Owns how the host runs the programs of the lab's guest: the same files, with the loader and the libraries beside them.

import { join } from 'node:path';

/** `record-streams` and `round-trips` are our own, for Perl's interpreter. */
export type ToolName = 'fio' | 'iperf3' | 'record-streams' | 'round-trips';

const SCRIPTS: readonly string[] = ['record-streams', 'round-trips'];
const LOADER = 'ld-linux-x86-64.so.2';

/** `folder`: with the programs in `bin` and their libraries in `lib`. The first is the file to start. */
export function hostToolCommand(
  folder: string,
  tool: ToolName,
  args: readonly string[],
): [file: string, ...args: string[]] {
  const lib = join(folder, 'lib');
  const bin = (name: string) => join(folder, 'bin', name);
  const program = SCRIPTS.includes(tool) ? [bin('perl'), bin(tool)] : [bin(tool)];
  return [join(lib, LOADER), '--library-path', lib, ...program, ...args];
}

/** As a line for the guest's shell; no argument of ours has anything in it that a shell takes for its own. */
export function guestToolCommand(tool: ToolName, args: readonly string[]): string {
  const program = SCRIPTS.includes(tool) ? ['/bin/perl', `/bin/${tool}`] : [`/bin/${tool}`];
  return [...program, ...args].join(' ');
}
