// Kills every process of a cloud in turn under a guest that writes, each with SIGKILL: what docs/operate/what-runs.md
// says happens, and at the end nothing is left over.

import { createNetworkNames } from '@ironbark/node/host/network-names.ts';
import { findProcess, findProcesses, type ProcessIdentity } from '@ironbark/platform/processes.ts';
import { daemonProcess, listCloudProcesses } from '../../support/cloud-processes.ts';
import { eventually } from '../../support/cloud-under-test.ts';
import { zeroFigure } from '../../support/figures.ts';
import { checkBlocks, startWriter } from '../../support/guest-writer.ts';
import { findDevice } from '../../support/guests.ts';
import { targetPid } from '../../support/volumes.ts';
import { replaceDaemon } from '../daemon-kill/daemon-kills.ts';
import {
  type GuestLab,
  hypervisorOf,
  readBootId,
  untilStatus,
  VOLUME_FOLDER,
} from './guest-lab.ts';
import type { GuestScenario } from './scenario.ts';

const DATA = `${VOLUME_FOLDER}/data`;

export const processKills: GuestScenario = async (lab, { explain }) => {
  const { cloud, first, other, volumeId } = lab;
  const wrong: string[] = [];
  const otherBoot = await readBootId(other);
  const writer = await startWriter(first, DATA);
  await writer.untilMore(1);
  for (const service of await addressServices(lab)) {
    process.kill(service.pid, 'SIGKILL');
    await eventually('another dnsmasq', async () => {
      const now = await addressServices(lab);
      return now.length > 0 && now.every(({ pid }) => pid !== service.pid);
    });
    explain('process kills: dnsmasq is back');
  }
  const target = await targetPid(cloud, volumeId);
  process.kill(target, 'SIGKILL');
  await writer.untilMore(2);
  if ((await targetPid(cloud, volumeId)) === target) wrong.push('the storage daemon is the same');
  explain('process kills: the storage daemon is back');
  const controllers = controllersPid(lab);
  process.kill(controllers, 'SIGKILL');
  await eventually('other controllers', async () => await areReplaced(lab, controllers));
  await eventually('an answer of the API', () => answers(lab));
  explain('process kills: the controllers are back');
  await replaceDaemon(cloud, 2);
  await writer.untilMore(1);
  explain('process kills: the daemon is back');
  const written = await writer.stop();
  const killed = await killHypervisor(lab);
  await untilBootedAgain(lab, killed);
  const device = await findDevice(first.run, volumeId);
  await first.run(`mkdir -p ${VOLUME_FOLDER} && mount ${device} ${VOLUME_FOLDER}`);
  await checkBlocks(first, DATA, written);
  await untilStatus(lab, first, 'ok');
  explain('process kills: the guest is back');
  if ((await readBootId(other)) !== otherBoot) wrong.push('the other guest was booted again');
  for (const each of wrong) explain(`process kills: ${each}`);
  return [zeroFigure('process kills: what went wrong', wrong.length)];
};

function controllersPid({ cloud }: GuestLab): number {
  return daemonProcess(listCloudProcesses(cloud.dataDir), 'controllers').pid;
}

async function areReplaced(lab: GuestLab, killed: number): Promise<boolean> {
  try {
    return controllersPid(lab) !== killed;
  } catch {
    // There are none for a moment.
    return false;
  }
}

async function answers({ cloud }: GuestLab): Promise<boolean> {
  return await cloud
    .ec2()
    .call('DescribeInstances', {})
    .then(
      () => true,
      () => false,
    );
}

async function addressServices({ cloud }: GuestLab): Promise<ProcessIdentity[]> {
  const { config } = await cloud.status();
  const { tag } = createNetworkNames(config.cloudId);
  return await findProcesses((argument) => argument.startsWith(`--pid-file=/run/ironbark/${tag}/`));
}

async function killHypervisor({ cloud, first }: GuestLab): Promise<ProcessIdentity> {
  const hypervisor = await hypervisorOf(cloud, first);
  process.kill(hypervisor.pid, 'SIGKILL');
  await eventually('its end', async () => !(await findProcess(hypervisor.pid)));
  return hypervisor;
}

async function untilBootedAgain(
  { cloud, first }: GuestLab,
  killed: ProcessIdentity,
): Promise<void> {
  await eventually('another QEMU', async () => {
    const now = await hypervisorOf(cloud, first).catch(() => undefined);
    return now !== undefined && now.pid !== killed.pid;
  });
  await eventually('its login', () =>
    first.run('true').then(
      () => true,
      () => false,
    ),
  );
}
