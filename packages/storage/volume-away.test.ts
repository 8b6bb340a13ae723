// What the Storage Controller tells of a volume whose daemon does not start; storage-daemon.test.ts has one that hangs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonPid, Harness, NODE, qemuIo, volume, volumeId } from './testing/harness.ts';

const VOLUME = volumeId(1);

test('a volume whose daemon cannot be started again is away until it can', async () => {
  let isBroken = false;
  await using harness = await Harness.start({
    drivers: (drivers) => {
      const { target } = drivers;
      const open = target.export.bind(target);
      target.export = async (...asked) => {
        if (isBroken) throw new Error('planted');
        return open(...asked);
      };
      return drivers;
    },
  });
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  isBroken = true;
  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  await harness.untilVolume(VOLUME, (each) => each.isAway === true);
  isBroken = false;
  const back = await harness.untilVolume(VOLUME, (each) => each.isAway === undefined);
  await qemuIo(back, 'read -P 0 0 1M');
  assert.deepEqual(back.export, seen.export);
});
