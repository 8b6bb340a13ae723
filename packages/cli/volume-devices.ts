// Owns what `--volume-devices` may name: whole disks or partitions of this host that nobody uses and that are empty.

import { isServiceError } from '@ironbark/core/errors.ts';
import { openDevice } from '@ironbark/storage/drivers/device-check.ts';
import type { CliContext } from './context.ts';
import { Problem } from './problem.ts';

/** Before anything is decided by them. Those of earlier starts are not asked for again: a broken disk stops no cloud. */
export async function checkDevices(
  context: CliContext,
  wishes: { volumeDevices?: string[]; hypervisor?: string },
): Promise<void> {
  const { volumeDevices = [], hypervisor } = wishes;
  if (volumeDevices.length === 0) return;
  if (!context.isRoot || hypervisor === 'simulated') {
    throw new Problem('--volume-devices needs root and real guests', [
      `run it as root: sudo ${context.self} up --volume-devices ${volumeDevices.join(',')}`,
    ]);
  }
  const seen = new Map<number, string>();
  for (const path of volumeDevices) {
    const { handle, rdev } = await openDevice(path, context.commands).catch(explain);
    await handle.close();
    const other = seen.get(rdev);
    if (other !== undefined) throw new Problem(`${path} and ${other} are the same disk`);
    seen.set(rdev, path);
  }
}

function explain(error: unknown): never {
  if (!isServiceError(error)) throw error;
  const problem = new Problem(error.message, [
    'list only disks that nothing else uses, by a name that stays: ls -l /dev/disk/by-id',
  ]);
  problem.cause = error;
  throw problem;
}
