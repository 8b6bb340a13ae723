// The host's disk fills up under a guest that writes: the guest waits and says so, others run on, also when the daemon
// is killed and started in between, and with room again it goes on and has lost nothing.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { eventually } from '../../support/cloud-under-test.ts';
import { medianFigure, zeroFigure } from '../../support/figures.ts';
import { TROUBLE } from '../../support/guest-fio.ts';
import { createVolume } from '../../support/volumes.ts';
import { replaceDaemon } from '../daemon-kill/daemon-kills.ts';
import { type GuestLab, readBootId, untilStatus } from './guest-lab.ts';
import type { GuestScenario, ScenarioContext } from './scenario.ts';

/** The longest pause between two attempts, and what the guest needs to be seen. */
const RESUME_BAR_MS = 25_000;
const WRITE = [
  'dd if=/dev/urandom of=/root/big bs=1M count=32 conv=fsync 2> /dev/null',
  '&& sha256sum /root/big > /root/big.sum; echo $? > /root/big.exit',
].join(' ');

const EXIT = 'cat /root/big.exit 2> /dev/null || true';

export const fullDisk: GuestScenario = async (lab, { explain }) => {
  const { disk, first, other } = lab;
  const boots = [await readBootId(first), await readBootId(other)];
  const wrong: string[] = [];
  // What a guest discards is the host's again, and may be gone when the guest wants it back.
  await first.run('fstrim /');
  try {
    await disk.fill(64 * KIB);
    await disk.fill(0).catch(() => {});
    await first.start(WRITE);
    await untilReason(lab, /no room/);
    wrong.push(...(await useFullDisk(lab, { explain })));
  } finally {
    await disk.empty();
  }
  const emptiedMs = systemClock.monotonicMs();
  await untilReason(lab, undefined);
  const resumedMs = systemClock.monotonicMs() - emptiedMs;
  await eventually('the end of the write', async () => (await first.run(EXIT)) === '0');
  await first.run('sync; echo 3 > /proc/sys/vm/drop_caches; sha256sum -c /root/big.sum');
  const trouble = await first.run(TROUBLE);
  if (trouble !== '') wrong.push(trouble);
  const now = [await readBootId(first), await readBootId(other)];
  if (now.join() !== boots.join()) wrong.push('a guest was booted again');
  await untilStatus(lab, first, 'ok');
  await first.run('rm /root/big*');
  for (const each of wrong) explain(`full disk: ${each}`);
  return [
    zeroFigure('full disk: what went wrong', wrong.length),
    medianFigure('full disk: the guest goes on after, ms', [resumedMs], RESUME_BAR_MS),
  ];
};

/** What goes wrong with everything else while there is no room. */
async function useFullDisk(lab: GuestLab, { explain }: ScenarioContext): Promise<string[]> {
  const { cloud, other } = lab;
  const wrong: string[] = [];
  const listVolumes = async () => (await readdir(join(cloud.dataDir, 'storage/volumes'))).join();
  const volumes = await listVolumes();
  const code = await createVolume(cloud).catch((error: { code?: string }) => error.code);
  if (code !== 'InsufficientVolumeCapacity') wrong.push(`a volume was answered ${code}`);
  if ((await listVolumes()) !== volumes) wrong.push('a volume that was refused left a file');
  const { readyMs } = await replaceDaemon(cloud, 2);
  explain(`full disk: a daemon that starts on it is ready after ${readyMs} ms`);
  await untilReason(lab, /no room/);
  if ((await other.run('echo here')) !== 'here') wrong.push('the other does not answer');
  return wrong;
}

/** Asks the node: the state store, which the API answers from, has no room for news either. */
async function untilReason({ cloud, first }: GuestLab, reason: RegExp | undefined): Promise<void> {
  await eventually(`${first.id} because of ${reason}`, async () => {
    const { node } = await cloud.status();
    const seen = node.instances.find(({ id }) => id === first.id)?.reason;
    return reason === undefined ? seen === undefined : reason.test(seen ?? '');
  });
}
