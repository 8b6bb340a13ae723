// Owns the place of a measurement's processes among all others: a disk that waits for a processor would be a slower disk,
// and a guest that waits for one is measured with whatever else the host does.

import { writeUnsynced } from '@ironbark/platform/files.ts';

/** Of the processes of a modelled disk. */
export const DISK_NICENESS = -20;
/** Of guests, after their disks. */
export const GUEST_NICENESS = -10;

export function first(niceness: number, argv: readonly [string, ...string[]]): typeof argv {
  return ['nice', '-n', String(niceness), ...argv];
}

/** Linux weighs sessions against each other too (sched(7), autogroups). Where it does not, or we may not say, nothing is lost. */
export async function putSessionFirst(pid: number, niceness: number): Promise<void> {
  await writeUnsynced(`/proc/${pid}/autogroup`, String(niceness)).catch(() => {});
}
