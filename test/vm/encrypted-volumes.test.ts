// A real guest writes to encrypted volumes, a file and a whole disk: it finds zeros first and its bytes again later, and
// nobody finds them on the disk or among the objects of Walrus.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { LoopDevices } from '@ironbark/storage/testing/loop-devices.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { findDevice } from '../support/guests.ts';
import {
  attachVolume,
  connectEc2,
  createSnapshot,
  createVolumeIn,
  detachVolume,
  targetPid,
} from '../support/volumes.ts';

const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: disks and bridges need root';
/** Each line differs, so that packing leaves some of them whole. */
const WRITE = 'i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); echo "seen in the clear $i"; done';
const MARK = 'seen in the clear 1';

async function findMark(path: string): Promise<boolean> {
  const args = ['--recursive', '--quiet', '--text', '--fixed-strings', MARK, path];
  return systemCommands.run('grep', args).then(
    () => true,
    (error: unknown) => {
      if (error instanceof CommandError && error.exitCode === 1) return false;
      throw error;
    },
  );
}

test('what a guest writes to encrypted volumes is read by guests alone', { skip }, async () => {
  await using disks = await LoopDevices.make([1040]);
  await using cloud = await CloudUnderTest.start({
    flags: ['--volume-devices', disks.paths.join(',')],
  });
  const Encrypted = true;
  const volumes = [
    await createVolumeIn(cloud, 'file', { Encrypted }),
    await createVolumeIn(cloud, 'device', { Encrypted }),
    await createVolumeIn(cloud, 'file'),
  ];
  const [file, disk, plain] = volumes as [string, string, string];
  const guest = await launchDirectGuest(cloud);
  for (const [at, volume] of volumes.entries()) {
    const device = await attach(cloud, guest, volume, at);
    assert.equal(await guest.run(`cat /sys/class/block/${device.slice(5)}/size`), '2097152');
    assert.equal(await guest.run(`head -c 33554432 ${device} | tr -d '\\0' | wc -c`), '0');
    assert.equal(await guest.run(`tail -c 1048576 ${device} | tr -d '\\0' | wc -c`), '0');
    await guest.run(`mke2fs -q -t ext4 ${device} && mkdir -p /mnt/${at}`);
    await guest.run(`mount ${device} /mnt/${at} && (${WRITE}) > /mnt/${at}/f && sync`);
  }
  const sum = await guest.run('md5sum < /mnt/2/f');
  const path = (id: string) => join(cloud.dataDir, 'storage/volumes', `${id}.raw`);
  assert.equal(await findMark(path(plain)), true, 'it would be found');
  assert.equal(await findMark(path(file)), false);
  assert.equal(await findMark(disks.paths[0]!), false);
  const argv = await readFile(`/proc/${await targetPid(cloud, file)}/cmdline`, 'utf8');
  assert.ok(!/secret|luks/.test(argv));

  await createSnapshot(cloud, file);
  const { Snapshots } = await connectEc2(cloud).call('DescribeSnapshots', { OwnerIds: ['self'] });
  assert.equal(Snapshots?.[0]?.Encrypted, true);
  assert.equal(await findMark(join(cloud.dataDir, 'objects')), false);

  await connectEc2(cloud).call('ModifyVolume', { VolumeId: file, Size: 2 });
  const device = await findDevice(cloud, guest.id, file);
  const size = () => guest.run(`cat /sys/class/block/${device.slice(5)}/size`);
  await eventually('the guest sees it', async () => (await size()) === '4194304');
  assert.equal(await guest.run(`tail -c 1048576 ${device} | tr -d '\\0' | wc -c`), '0');

  for (const [at, volume] of [file, disk].entries()) {
    await guest.run(`umount /mnt/${at}`);
    await detachVolume(cloud, volume);
    const again = await attach(cloud, guest, volume, at);
    await guest.run(`mount ${again} /mnt/${at}`);
    assert.equal(await guest.run(`md5sum < /mnt/${at}/f`), sum);
  }
});

async function attach(
  cloud: CloudUnderTest,
  guest: DirectGuest,
  volume: string,
  at: number,
): Promise<string> {
  const device = `/dev/sd${'fgh'[at]}`;
  await attachVolume(cloud, volume, { instanceId: guest.id, device });
  return await findDevice(cloud, guest.id, volume);
}
