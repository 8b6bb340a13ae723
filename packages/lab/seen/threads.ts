// Owns the processor time of a process's threads by their names: a guest's own processors apart from what serves it.

import { readdir, readFile } from 'node:fs/promises';

/** USER_HZ, which is 100 on every Linux that runs here. */
const TICK_MS = 10;
/** In /proc/<pid>/task/<tid>/stat, counted from the field after the name (proc(5): utime and stime). */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

export async function cpuMsOf(pid: number, threadName: RegExp): Promise<number> {
  let sumMs = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) continue;
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    if (!threadName.test(name)) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    sumMs += (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * TICK_MS;
  }
  return sumMs;
}
