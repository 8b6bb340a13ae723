// A volume from a snapshot in a cloud that runs as root: what fills it has no rights and another root directory, and
// is killed in the middle.

import assert from 'node:assert/strict';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { daemonProcess, listCloudProcesses } from '../support/cloud-processes.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { createSnapshot, createVolume, deleteVolume, targetPid } from '../support/volumes.ts';

const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: processes of other users need root';
/** The rest of the volume is zeros. Filling takes five seconds at its most. */
const DATA_MIB = 64;

test('the process that fills volumes has no rights, and its end in the middle changes no byte', {
  skip,
}, async (t) => {
  await using cloud = await CloudUnderTest.start({ flags: ['--no-image'] });
  const source = await createVolume(cloud);
  const path = (id: string) => join(cloud.dataDir, 'storage/volumes', `${id}.raw`);
  await withFile(path(source), async (file) => {
    for (let at = 0; at < DATA_MIB; at++) await file.write(modelOf(at), 0, MIB, at * MIB);
  });
  const snapshot = await createSnapshot(cloud, source);
  const volume = await createVolume(cloud, snapshot);
  const filled = await filledPercent(cloud, volume);
  t.diagnostic(`killed at ${filled} %`);
  assert.ok(filled < 100);
  const filling = serverOf(cloud);
  assert.notEqual(filling.uid, 0);
  assert.deepEqual(filling.capabilities, []);
  assert.equal(filling.root, cloud.dataDir);
  assert.ok(filling.unix.some((socket) => socket.endsWith('storage/volumes/.sources')));
  process.kill(filling.pid, 'SIGKILL');
  process.kill(await targetPid(cloud, volume), 'SIGKILL');
  await eventually('it is filled', async () => {
    const maps = await readdir(join(cloud.dataDir, 'storage/filling'));
    return maps.length === 0 && (await filledPercent(cloud, volume)) === 100;
  });
  await withFile(path(volume), async (file) => {
    const bytes = Buffer.alloc(MIB);
    for (let at = 0; at < GIB / MIB; at++) {
      await file.read(bytes, 0, MIB, at * MIB);
      assert.ok(bytes.equals(modelOf(at)), `at ${at} MiB`);
    }
  });
  // One that is removed while it fills leaves nothing.
  const other = await createVolume(cloud, snapshot);
  await deleteVolume(cloud, other);
  assert.deepEqual(await readdir(join(cloud.dataDir, 'storage/filling')), []);
});

function serverOf(cloud: CloudUnderTest) {
  return daemonProcess(listCloudProcesses(cloud.dataDir), 'controllers');
}

/** Unlike every other. */
function modelOf(mib: number): Buffer {
  return mib < DATA_MIB ? Buffer.alloc(MIB, `${mib} of them; `) : Buffer.alloc(MIB);
}

async function withFile(
  path: string,
  work: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  await using file = await open(path, 'r+');
  await work(file);
}

async function filledPercent(cloud: CloudUnderTest, volume: string): Promise<number> {
  const volumes = await cloud.json<{ volumeId: string; filledPercent?: number }[]>('volumes');
  return volumes.find(({ volumeId }) => volumeId === volume)?.filledPercent ?? 100;
}
