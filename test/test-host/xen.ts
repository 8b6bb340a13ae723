// Owns the proof of the Xen test host: Xen carries the machine, its tools run, and a paravirtual guest of our own image
// is started, looked at, given a disk, and shut down through xl, until nothing of it is left.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { buildMicroImage } from '@ironbark/images/micro/build-micro-image.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { CACHE_FOLDER } from '../support/cache-folder.ts';
import { eventually } from '../support/cloud-under-test.ts';
import { atMost, type Figure } from '../support/figures.ts';
import { TestHost } from '../support/test-host/test-host.ts';
import { createSteps } from './steps.ts';
import {
  answersPing,
  clearXenGuest,
  deviceState,
  isRunning,
  plugDisk,
  prepareXenGuest,
  readConsole,
  shutDownXenGuest,
  startXenGuest,
  startXenTools,
  unplugDisk,
  untilReady,
} from './xen-guest.ts';

const BAR_S = 15 * 60;
const CONNECTED = '4';
const EXTRA_DISK = '/var/tmp/extra.raw';
/** xl's numbers of xvda and xvdb (docs/man/xen-vbd-interface.7). */
const XVDA = 'vbd/51712';
const XVDB = 'vbd/51728';

export async function proveXen(): Promise<Figure[]> {
  const steps = createSteps();
  const onProgress = ({ step }: { step: string }) => console.error(`  ${step}`);
  const image = await steps.step('the micro image', () =>
    buildMicroImage({
      workDir: join(CACHE_FOLDER, 'images'),
      commands: systemCommands,
      clock: systemClock,
      logger: silentLogger,
    }),
  );
  await using host = await steps.step('a test host on Xen', () =>
    TestHost.start({ hypervisor: 'xen', onProgress }),
  );
  await steps.step('Xen’s tools', async () => {
    assert.equal(await host.sh('cat /sys/hypervisor/type'), 'xen');
    await startXenTools(host);
    console.error(
      await host.sh('xl info | grep -E "^(xen_version|virt_caps|free_memory)"; xl list'),
    );
  });
  const loops = await host.sh('losetup -a');
  await steps.step('a disk, a bridge, addresses', () => prepareXenGuest(host, image));
  await steps.step('a paravirtual guest is ready', async () => {
    await startXenGuest(host);
    await untilReady(host).catch(async (cause: unknown) => {
      throw new Error(await readConsole(host), { cause });
    });
    assert.equal(await deviceState(host, XVDA), CONNECTED);
    assert.equal(await deviceState(host, 'vif/0'), CONNECTED);
  });
  await steps.step('it answers on its card', async () => {
    await eventually('a ping', async () => await answersPing(host));
  });
  await steps.step('a disk comes and goes', async () => {
    await plugDisk(host, EXTRA_DISK);
    const isThere = async () => (await deviceState(host, XVDB)) === CONNECTED;
    await eventually('the disk in the guest', isThere);
    await unplugDisk(host, EXTRA_DISK);
    await eventually('the disk is gone', async () => (await deviceState(host, XVDB)) === '');
  });
  await steps.step('it shuts down, and nothing is left', async () => {
    await shutDownXenGuest(host);
    assert.equal(await isRunning(host), false);
    await clearXenGuest(host);
    assert.equal(await host.sh('losetup -a'), loops);
  });
  return [atMost('whole proof s', steps.seconds(), BAR_S)];
}
