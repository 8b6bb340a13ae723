// Owns the look at what volumes shall lie on before a cloud starts with it: disks or partitions of this host that nobody
// uses and that are empty, a pool of a Ceph cluster that answers.

import { isServiceError } from '@ironbark/core/errors.ts';
import { openDevice } from '@ironbark/storage/drivers/device-check.ts';
import { RbdCommand } from '@ironbark/storage/drivers/rbd-command.ts';
import type { CloudConfig } from './cloud-config.ts';
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

export async function checkCeph(
  context: CliContext,
  config: Pick<CloudConfig, 'ceph' | 'hypervisor'>,
): Promise<void> {
  const { ceph, hypervisor } = config;
  if (ceph === undefined) return;
  if (hypervisor === 'simulated') throw new Problem('--ceph-pool needs real guests');
  const { pool, user, confPath } = ceph;
  const rbd = new RbdCommand(ceph, context.commands);
  const answer = await rbd.run('rbd', ['ls', '--pool', pool]).catch((error: unknown) => error);
  if (typeof answer === 'string') return;
  const problem = new Problem(`client.${user} cannot use the pool ${pool} of the Ceph cluster`, [
    `try it: rbd --conf ${confPath} --id ${user} --pool ${pool} ls`,
    `make them: ceph osd pool create ${pool} && rbd pool init ${pool}`,
    `ceph auth get-or-create client.${user} mon 'profile rbd' osd 'profile rbd pool=${pool}' -o /etc/ceph/ceph.client.${user}.keyring`,
  ]);
  problem.cause = answer;
  throw problem;
}

function explain(error: unknown): never {
  if (!isServiceError(error)) throw error;
  const problem = new Problem(error.message, [
    'list only disks that nothing else uses, by a name that stays: ls -l /dev/disk/by-id',
  ]);
  problem.cause = error;
  throw problem;
}
