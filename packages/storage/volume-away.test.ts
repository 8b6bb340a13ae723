// What the Storage Controller tells of a volume whose daemon does not start; storage-daemon.test.ts has one that hangs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Commands, systemCommands } from '@ironbark/platform/commands.ts';
import { exists } from '@ironbark/platform/files.ts';
import { daemonPid, Harness, NODE, qemuIo, volume, volumeId } from './testing/harness.ts';

const VOLUME = volumeId(1);

test('a volume whose daemon cannot be started again is away until it can', async () => {
  let isBroken = false;
  const commands: Commands = {
    ...systemCommands,
    startDetached: async (...asked) => {
      if (isBroken) throw new Error('planted');
      return await systemCommands.startDetached(...asked);
    },
  };
  await using harness = await Harness.start({ commands });
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  isBroken = true;
  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  await harness.untilVolume(VOLUME, (each) => each.isAway === true);
  const place = seen.export as { socketPath: string };
  assert.ok(await exists(place.socketPath), 'its guest is told that it will be back');
  isBroken = false;
  const back = await harness.untilVolume(VOLUME, (each) => each.isAway === undefined);
  await qemuIo(back, 'read -P 0 0 1M');
  assert.deepEqual(back.export, seen.export);
  await harness.put(volume(1, { generation: 2 }));
  await harness.untilVolume(VOLUME, (each) => each.export === undefined);
  assert.equal(await exists(place.socketPath), false);
});
