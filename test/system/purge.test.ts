// A purge never takes the ground from under guests that it could not stop.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { acquireProcessLock } from '@ironbark/platform/database/process-lock.ts';
import { findProcess } from '@ironbark/platform/processes.ts';
import { dataPaths } from '../../packages/cli/daemon/paths.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';

test('a purge beside somebody who starts the cloud removes nothing, and says so', async () => {
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const pid = await cloud.daemonPid();
  process.kill(pid, 'SIGKILL');
  await eventually('the end of the daemon', async () => !(await findProcess(pid)));
  {
    using lock = await eventually('its lock', async () =>
      acquireProcessLock(dataPaths(cloud.dataDir).daemonLock),
    );
    assert.ok(lock);
    await assert.rejects(cloud.ironbark('purge', '--yes'), /was not stopped/);
    await stat(join(cloud.dataDir, 'config.json'));
  }
  await cloud.ironbark('purge', '--yes');
  await assert.rejects(stat(cloud.dataDir), { code: 'ENOENT' });
});
