// Lets every place where a pid is remembered name a living process of somebody else, as after a restart of the host:
// it is never taken for ours and never killed.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestHandle } from '@ironbark/node/drivers/hypervisor-driver.ts';
import { createQemuDriver } from '@ironbark/node/drivers/qemu/driver.ts';
import { removeDnsmasq } from '@ironbark/node/host/dnsmasq.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { useControllers } from '@ironbark/platform/control-groups.ts';
import {
  findProcess,
  isAlive,
  type ProcessIdentity,
  signalProcess,
} from '@ironbark/platform/processes.ts';
import { daemonPaths } from '@ironbark/storage/drivers/daemon-arguments.ts';
import { findDaemon } from '@ironbark/storage/drivers/daemon-process.ts';
import { CloudUnderTest, eventually } from '../../support/cloud-under-test.ts';
import { zeroFigure } from '../../support/figures.ts';
import type { Scenario } from './scenario.ts';

const parts = { commands: systemCommands, clock: systemClock };
const SUBNET = 'subnet-0123456789abcdef0';
const VOLUME = 'vol-0123456789abcdef0';

export const reusedPids: Scenario = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-pids-'));
  let killed = 0;
  let adopted = 0;
  try {
    for (const meet of [meetAsGuest, meetAsVolume, meetAsAddressService, meetAsDaemon]) {
      await using stranger = await startStranger();
      if (await meet(folder, stranger.identity)) adopted += 1;
      if (!(await isAlive(stranger.identity))) killed += 1;
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return [
    zeroFigure('reused pids: strangers killed', killed),
    zeroFigure('reused pids: strangers taken for ours', adopted),
  ];
};

async function startStranger() {
  const { pid } = await systemCommands.startDetached('sleep', ['120'], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const identity = (await findProcess(pid))!;
  return {
    identity,
    [Symbol.asyncDispose]: async () => void (await signalProcess(identity, 'SIGKILL')),
  };
}

/** The worst case: number and start time are those of the guest that ran before the host restarted. */
async function meetAsGuest(folder: string, { pid, startTicks }: ProcessIdentity): Promise<boolean> {
  const directory = join(folder, 'i-0123456789abcdef0');
  await mkdir(join(directory, 'run'), { recursive: true });
  const openTap = () => Promise.reject(new Error('no tap is asked for'));
  await using driver = createQemuDriver({
    ...parts,
    dataDir: folder,
    openTap,
    probeUid: undefined,
  });
  const handle: GuestHandle = {
    id: 'i-0123456789abcdef0',
    driver: 'qemu',
    pid,
    pidStartTicks: startTicks,
    directory,
    startedAt: '',
  };
  const found = await driver.recover(handle);
  await driver.destroy(handle);
  return found !== undefined;
}

async function meetAsVolume(folder: string, { pid }: ProcessIdentity): Promise<boolean> {
  const { pidFile } = daemonPaths(VOLUME);
  await mkdir(join(folder, pidFile, '..'), { recursive: true });
  await writeFile(join(folder, pidFile), `${pid}\n`);
  const controlGroups = await useControllers('ironbark-none', [], parts.clock);
  const findPlace = async () => ({ kind: 'file' as const });
  const confined = { users: undefined, findPlace, enclosure: undefined, controlGroups };
  const host = { ...parts, ...confined, dataDir: folder };
  return (await findDaemon(host, VOLUME)) !== undefined;
}

async function meetAsAddressService(folder: string, { pid }: ProcessIdentity): Promise<boolean> {
  await mkdir(join(folder, SUBNET));
  await writeFile(join(folder, SUBNET, 'dnsmasq.pid'), `${pid}\n`);
  await removeDnsmasq({ ...parts, directory: folder }, SUBNET);
  return false;
}

/** A cloud whose daemon died stops what that left, and starts anew. */
async function meetAsDaemon(_folder: string, { pid }: ProcessIdentity): Promise<boolean> {
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const own = await cloud.daemonPid();
  process.kill(own, 'SIGKILL');
  await eventually('the end of the daemon', async () => !(await findProcess(own)));
  await writeFile(join(cloud.dataDir, 'run/daemon.pid'), `${pid}\n`);
  await cloud.ironbark('down');
  await cloud.up();
  return (await cloud.daemonPid()) === pid;
}
