// A real guest writes to an encrypted volume: it finds zeros first and its bytes again later, sees it become longer, has
// what it was at one moment from a snapshot, and nobody finds its bytes on the disk.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { findDevice } from '../support/guests.ts';
import { checkSnapshotUnderLoad } from '../support/snapshot-under-load.ts';
import { attachVolume, createVolumeIn, detachVolume, targetPid } from '../support/volumes.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: real guests on a bridge need root for taps';
/** Each line differs, so that packing leaves some of them whole. */
const WRITE = 'i=0; while [ $i -lt 500 ]; do i=$((i + 1)); echo "seen in the clear $i"; done';
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

test('what a guest writes to an encrypted volume is read by guests alone', { skip }, async () => {
  await using cloud = await CloudUnderTest.start();
  const volumes = [
    await createVolumeIn(cloud, 'file', { Encrypted: true }),
    await createVolumeIn(cloud, 'file'),
  ];
  const [sealed, plain] = volumes as [string, string];
  const guest = await launchDirectGuest(cloud);
  const devices: string[] = [];
  for (const [at, volume] of volumes.entries()) {
    const device = await attach(cloud, guest, volume, at);
    devices.push(device);
    assert.equal(await sectorsOf(guest, device), 2_097_152);
    assert.equal(await guest.run(`head -c 8388608 ${device} | tr -d '\\0' | wc -c`), '0');
    assert.equal(await guest.run(`tail -c 1048576 ${device} | tr -d '\\0' | wc -c`), '0');
    await guest.run(`mke2fs -q -t ext4 ${device} && mkdir -p /mnt/${at}`);
    await guest.run(`mount ${device} /mnt/${at} && (${WRITE}) > /mnt/${at}/f && sync`);
  }
  const sum = await guest.run('md5sum < /mnt/1/f');
  const path = (id: string) => join(cloud.dataDir, 'storage/volumes', `${id}.raw`);
  assert.equal(await findMark(path(plain)), true, 'it would be found');
  assert.equal(await findMark(path(sealed)), false);
  const argv = await readFile(`/proc/${await targetPid(cloud, sealed)}/cmdline`, 'utf8');
  assert.ok(!/secret|luks/.test(argv));

  await cloud.ec2().call('ModifyVolume', { VolumeId: sealed, Size: 2 });
  const device = devices[0]!;
  await eventually('it is longer', async () => (await sectorsOf(guest, device)) === 4_194_304);
  const end = await guest.run(`dd if=${device} bs=1M skip=2047 2>&- | tr -d '\\0' | wc -c`);
  assert.equal(end, '0', 'by zeros');

  await guest.run('umount /mnt/0');
  await detachVolume(cloud, sealed);
  await guest.run(`mount ${await attach(cloud, guest, sealed, 0)} /mnt/0`);
  assert.equal(await guest.run('md5sum < /mnt/0/f'), sum);

  const way = { backend: 'file', isEncrypted: true } as const;
  await checkSnapshotUnderLoad(cloud, guest, { way });
});

async function attach(
  cloud: CloudUnderTest,
  guest: DirectGuest,
  volume: string,
  at: number,
): Promise<string> {
  const device = `/dev/sd${'fg'[at]}`;
  await attachVolume(cloud, volume, { instanceId: guest.id, device });
  return await findDevice(guest.run, volume);
}

async function sectorsOf(guest: DirectGuest, device: string): Promise<number> {
  return Number(await guest.run(`cat /sys/class/block/${device.slice('/dev/'.length)}/size`));
}
