// A volume is taken by force from a guest whose QEMU does not answer and that has writes under way, and given to another
// one: nothing that the first guest still wants to write reaches the volume any more.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findProcessIn } from '@ironbark/platform/processes.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { findDevice } from '../support/guests.ts';
import { attachVolume, connectEc2, createVolume, deleteVolume } from '../support/volumes.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: real guests on a bridge need root for taps';
/** Where the first guest writes without end, and where the second one has zeros from then on. */
const MIB_WRITTEN = 8;
/** QEMU tries again each second, and the node looks at its guests each ten. */
const CHANCE_S = 15;

let cloud: CloudUnderTest;
const guests: DirectGuest[] = [];

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start();
  for (const _each of [1, 2]) guests.push(await launchDirectGuest(cloud));
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

test('late writes of a guest from which a volume was taken by force never reach it', {
  skip,
}, async () => {
  const [first, second] = guests as [DirectGuest, DirectGuest];
  const volume = await createVolume(cloud);
  await attachVolume(cloud, volume, { instanceId: first.id, device: '/dev/sdf' });
  const lost = await findDevice(cloud, first.id, volume);
  const write = `dd if=/dev/urandom of=${lost} bs=1M count=${MIB_WRITTEN} oflag=direct conv=notrunc`;
  await first.start(`while true; do ${write} || exit; done`);
  await eventually('the first guest to write', async () => {
    const read = `dd if=${lost} bs=512 count=1 iflag=direct 2> /dev/null | od -An -tx1 | head -1`;
    return !/^( 00)+$/.test(` ${await first.run(read)}`);
  });
  const hypervisor = await hypervisorOf(first);
  process.kill(hypervisor, 'SIGSTOP');
  try {
    await connectEc2(cloud).call('DetachVolume', { VolumeId: volume, Force: true });
    await eventually('the volume is free', async () => (await stateOf(volume)) === 'available');
    await attachVolume(cloud, volume, { instanceId: second.id, device: '/dev/sdf' });
  } finally {
    process.kill(hypervisor, 'SIGCONT');
  }
  const won = await findDevice(cloud, second.id, volume);
  await second.run(`dd if=/dev/zero of=${won} bs=1M count=${MIB_WRITTEN} oflag=direct`);
  const startedS = await eventually('the first guest to answer again', () => uptime(first));
  await eventually('the first guest had its chance', async () => {
    assert.equal(await foreignBytes(second, won), '0', 'bytes of the first guest');
    return ((await uptime(first)) ?? 0) > startedS + CHANCE_S;
  });
  await connectEc2(cloud).call('DetachVolume', { VolumeId: volume });
  await eventually('the volume is free', async () => (await stateOf(volume)) === 'available');
  await deleteVolume(cloud, volume);
});

/** Bytes that are not zero, past every cache of the guest. */
async function foreignBytes(guest: DirectGuest, device: string): Promise<string> {
  const read = `dd if=${device} bs=1M count=${MIB_WRITTEN} iflag=direct 2> /dev/null`;
  return (await guest.run(`${read} | tr -d '\\000' | wc -c`)).trim();
}

/** Undefined while it does not answer: it stood still, and this host may be busy. */
async function uptime(guest: DirectGuest): Promise<number | undefined> {
  const answer = await guest.run('cut -d" " -f1 /proc/uptime').catch(() => undefined);
  return answer === undefined ? undefined : Number(answer);
}

async function hypervisorOf({ id }: DirectGuest): Promise<number> {
  return (await findProcessIn(join(cloud.dataDir, 'node/instances', id, 'run')))!.pid;
}

async function stateOf(VolumeId: string): Promise<string | undefined> {
  const { Volumes } = await connectEc2(cloud).call('DescribeVolumes', { VolumeIds: [VolumeId] });
  return Volumes?.[0]?.State;
}
