import assert from 'node:assert/strict';
import { chown, mkdir, mkdtemp, rm, truncate } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists, writeUnsynced } from '@ironbark/platform/files.ts';
import { findProcess, isAlive } from '@ironbark/platform/processes.ts';
import { whyNoLabDisk } from '../disk/lab-requirements.ts';
import { openLoopDevice } from '../targets/loop-device.ts';
import { makeRunFolder, sweepRunFolders } from './run-folder.ts';

const skip = (await whyNoLabDisk()) ?? false;
let parent: string;
before(async () => {
  parent = await mkdtemp('/var/tmp/ironbark-runs-');
});
after(() => rm(parent, { recursive: true }));

const place = () => ({ commands: systemCommands, clock: systemClock, parent });

/** A process that has ended. */
async function disown(folder: string): Promise<void> {
  const owner = { pid: 2 ** 22 - 3, startTicks: 1 };
  await writeUnsynced(join(folder, 'owner.json'), JSON.stringify(owner));
}

test('the folder of a run that goes on, and what is nobody’s, stay where they are', async () => {
  const own = await makeRunFolder(place());
  const unmarked = await mkdtemp(join(parent, 'ironbark-lab-'));
  const odd = await mkdtemp(join(parent, 'ironbark-lab-'));
  await writeUnsynced(join(odd, 'owner.json'), '{"pid": "1"');
  const other = await mkdtemp(join(parent, 'somebody-'));
  await disown(other);
  assert.deepEqual(await sweepRunFolders(place()), []);
  for (const folder of [own, unmarked, odd, other]) assert.ok(await exists(folder), folder);
});

test('a mark that another user has made has nothing taken away', {
  skip: process.getuid?.() === 0 ? false : 'only root makes folders of others',
}, async () => {
  const folder = await mkdtemp(join(parent, 'ironbark-lab-'));
  await disown(folder);
  await chown(folder, 1, 1);
  assert.deepEqual(await sweepRunFolders(place()), []);
  assert.ok(await exists(folder));
});

test('what a killed run has left is taken away: processes, mounts, devices, name spaces, files', {
  skip,
}, async () => {
  const folder = await makeRunFolder(place());
  await mkdir(join(folder, 'files'));
  const bytes = join(folder, 'bytes');
  await writeUnsynced(bytes, '');
  await truncate(bytes, 4 * MIB);
  await systemCommands.run('mkfs.ext4', ['-q', '-F', bytes]);
  const device = await openLoopDevice(systemCommands, {
    ...{ file: bytes, offset: 0, sizeBytes: 4 * MIB },
  });
  await systemCommands.run('mount', [device.path, join(folder, 'files')]);
  const nameSpace = `${basename(folder)}-host`;
  await systemCommands.run('ip', ['netns', 'add', nameSpace]);
  const stdio = ['ignore', 'ignore', 'ignore'] as const;
  const started = [
    await systemCommands.startDetached('tail', ['-f', '/dev/null'], { stdio, cwd: folder }),
    await systemCommands.startDetached('tail', ['-f', '/dev/null'], { stdio, cwd: folder }),
    await systemCommands.startDetached('tail', ['-F', join(folder, 'none')], { stdio }),
  ];
  const identities = await Promise.all(started.map(({ pid }) => findProcess(pid)));
  await disown(folder);

  assert.deepEqual(await sweepRunFolders(place()), [folder]);
  assert.equal(await exists(folder), false);
  for (const each of identities) assert.equal(await isAlive(each!), false);
  const { stdout: loops } = await systemCommands.run('losetup', ['--all']);
  assert.ok(!loops.includes(folder), loops);
  const { stdout: spaces } = await systemCommands.run('ip', ['netns', 'list']);
  assert.ok(!spaces.includes(nameSpace), spaces);
});
