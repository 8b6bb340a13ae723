// Owns `ironbark purge`: the cloud and all of its data, gone.

import { dirname } from 'node:path';
import { syncDirectory } from '@ironbark/platform/files.ts';
import { type CloudConfig, findConfig } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import { Problem } from '../problem.ts';
import { stopCloud } from './down.ts';

/** Millions of small objects on a slow disk. */
const REMOVE_TIMEOUT_MS = 60 * 60 * 1000;

export async function purge(context: CliContext, options: { yes: boolean }): Promise<void> {
  const { terminal, dataDir } = context;
  const config = await findConfig(dataDir);
  if (config === undefined) {
    throw new Problem(`${dataDir} holds no cloud`, ['nothing was removed']);
  }
  const question = `Remove every instance, volume, snapshot, image and object in ${dataDir}, for good?`;
  if (!options.yes && !(await terminal.confirm(question))) {
    throw new Problem('nothing was removed', [
      `to go ahead without being asked: ${context.self} purge --yes`,
    ]);
  }
  await stopCloud(context, { keepGuests: false });
  await terminal.step(`Removing ${dataDir}`, () => removeData(context));
  terminal.result({ purged: dataDir, cacheDir: context.cacheDir }, () =>
    [
      `Removed ${dataDir}`,
      ...renderElsewhere(config),
      `What can be made again stays for the next cloud (rm -r ${context.cacheDir} removes it)`,
    ].join('\n'),
  );
}

export async function removeData({ commands, dataDir }: CliContext): Promise<void> {
  // rm(1) holds on to each folder that it enters: what another user has in there leads it nowhere else.
  await commands.run('rm', ['-rf', '--', dataDir], { timeoutMs: REMOVE_TIMEOUT_MS });
  await syncDirectory(dirname(dataDir));
}

/** What is not in the folder stays: it is not for this command to guess what else is on a disk or in a pool. */
function renderElsewhere({ volumeDevices = [], ceph, objects, joined }: CloudConfig): string[] {
  if (joined !== undefined) {
    return [`Its front end does not know; there: ironbark nodes remove ${joined.name}`];
  }
  const disks = volumeDevices.map(
    (path) => `A volume may be left on ${path}; to use it otherwise: blkdiscard --zeroout ${path}`,
  );
  const images = `Volumes may be left in Ceph: rbd --pool ${ceph?.pool} ls`;
  const bytes = `Objects are left in ${objects?.database} and the bucket ${objects?.engine.bucket}`;
  return [
    ...disks,
    ...(ceph === undefined ? [] : [images]),
    ...(objects === undefined ? [] : [bytes]),
  ];
}
