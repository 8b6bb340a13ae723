// Owns on which processor the two ends of a path without a guest ask and answer: on one and the same. Where the scheduler
// puts them decides a round trip more than the path does: 8 us on one processor, 60 us on two (measured on 2 processors,
// Linux 6.18), and a server is put somewhere once, for all of a run.

import { readFile } from 'node:fs/promises';

const STATUS = '/proc/self/status';

/** The first that this process may run on; undefined where the kernel does not say. */
export async function findProcessor(status = STATUS): Promise<number | undefined> {
  return parseAllowed(await readFile(status, 'utf8').catch(() => ''));
}

/** `Cpus_allowed_list:	2-3,7` (proc(5)). */
export function parseAllowed(text: string): number | undefined {
  const first = /^Cpus_allowed_list:\s*(\d+)/m.exec(text)?.[1];
  return first === undefined ? undefined : Number(first);
}

export function onProcessor(
  processor: number | undefined,
  argv: readonly [string, ...string[]],
): [string, ...string[]] {
  return processor === undefined
    ? [...argv]
    : ['taskset', '--cpu-list', String(processor), ...argv];
}
