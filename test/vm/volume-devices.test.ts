// A volume that has a whole disk: a real guest writes and verifies, its target is killed under it, and when the volume
// is deleted no byte of it is left on the disk. Another one it drives itself, and has it from a snapshot as it was at one
// moment.

import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { openDevice } from '@ironbark/storage/drivers/device-check.ts';
import { LoopDevices } from '@ironbark/storage/testing/loop-devices.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { startFio } from '../support/guest-fio.ts';
import { findDevice } from '../support/guests.ts';
import { checkSnapshotUnderLoad } from '../support/snapshot-under-load.ts';
import {
  attachVolume,
  createVolumeIn,
  deleteVolume,
  detachVolume,
  targetPid,
} from '../support/volumes.ts';

const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: disks and bridges need root';
/** Four seconds of writes. */
const FIO = { size: '32m', rate: '8m' };

test('a guest writes to a disk of its own, and nothing is left of it', { skip }, async () => {
  await using disks = await LoopDevices.make([1040, 2000], { oldMib: 64 });
  const flags = ['--volume-devices', disks.paths.join(',')];
  await using cloud = await CloudUnderTest.start({ flags });
  await assert.rejects(openDevice(disks.paths[0]!, systemCommands), /in use/, 'it is held');
  const volume = await createVolumeIn(cloud, 'device');
  const guest = await launchDirectGuest(cloud);
  await attachVolume(cloud, volume, { instanceId: guest.id, device: '/dev/sdf' });
  const device = await findDevice(guest.run, volume);
  assert.equal(await guest.run(`cat /sys/class/block/${device.slice(5)}/size`), '2097152');
  assert.equal(await guest.run(`head -c 67108864 ${device} | tr -d '\\0' | wc -c`), '0');
  await plugCard(cloud, guest);
  const fio = await startFio(guest, { path: device, ...FIO });
  process.kill(await targetPid(cloud, volume), 'SIGKILL');
  await fio.untilVerified();
  await detachVolume(cloud, volume);
  await deleteVolume(cloud, volume);
  await using disk = await open(disks.paths[0]!, 'r');
  for (let at = 0; at < 1024; at += 1) {
    const { buffer } = await disk.read(Buffer.alloc(MIB), 0, MIB, at * MIB);
    assert.ok(buffer.equals(ZEROS), `MiB ${at}`);
  }
  const way = { backend: 'device', guestTransport: 'nbd' } as const;
  await checkSnapshotUnderLoad(cloud, guest, {
    way,
    restoredTo: { ...way, guestTransport: 'aoe' },
  });
});

/** A second card comes and goes while the guest runs; it sees it by its address. */
async function plugCard(cloud: CloudUnderTest, guest: DirectGuest): Promise<void> {
  const ec2 = cloud.ec2();
  const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds: [guest.id] });
  const { SubnetId } = Reservations![0]!.Instances![0]!;
  const made = await ec2.call('CreateNetworkInterface', { SubnetId: SubnetId! });
  const { NetworkInterfaceId, MacAddress } = made.NetworkInterface!;
  const cards = () => guest.run('cat /sys/class/net/*/address');
  const wish = { NetworkInterfaceId: NetworkInterfaceId!, InstanceId: guest.id, DeviceIndex: 1 };
  const { AttachmentId } = await ec2.call('AttachNetworkInterface', wish);
  await eventually('the card is seen', async () => (await cards()).includes(MacAddress!));
  await ec2.call('DetachNetworkInterface', { AttachmentId: AttachmentId! });
  const NetworkInterfaceIds = [NetworkInterfaceId!];
  await eventually('the interface is free', async () => {
    const shown = await ec2.call('DescribeNetworkInterfaces', { NetworkInterfaceIds });
    return shown.NetworkInterfaces![0]!.Status === 'available';
  });
  assert.ok(!(await cards()).includes(MacAddress!), 'the card is gone');
  await ec2.call('DeleteNetworkInterface', { NetworkInterfaceId: NetworkInterfaceId! });
}

const ZEROS = Buffer.alloc(MIB);
