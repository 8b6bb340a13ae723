// A cloud with something encrypted, without a guest: its keyring, its backup, and a restore that has lost the keyring.

import assert from 'node:assert/strict';
import { chmod, copyFile, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CommandError } from '@ironbark/platform/commands.ts';
import { restoreTo } from '../faults/backup/backup-rounds.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { createVolume } from '../support/volumes.ts';

const NO_IMAGE = { flags: ['--no-image'] };

let folder = '';
let cloud: CloudUnderTest;
before(async () => {
  folder = await mkdtemp('/var/tmp/ironbark-keyring-');
  await chmod(folder, 0o711);
  cloud = await CloudUnderTest.start(NO_IMAGE);
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function makeEncrypted(from: CloudUnderTest): Promise<string> {
  const AvailabilityZone = `${from.credentials.region}a`;
  const made = { AvailabilityZone, Encrypted: true, Size: 1 };
  const { VolumeId } = await from.ec2().call('CreateVolume', made);
  await eventually('the volume', async () => {
    const { Volumes } = await from.ec2().call('DescribeVolumes', { VolumeIds: [VolumeId!] });
    return Volumes![0]!.State === 'available';
  });
  return VolumeId!;
}

test('a backup has no keyring and says so; a restore waits for it, and is whole with it', async () => {
  const keyring = join(cloud.dataDir, 'keyring/master.key');
  await createVolume(cloud);
  await assert.rejects(stat(keyring), /ENOENT/, 'there is none before something is encrypted');
  const volume = await makeEncrypted(cloud);
  const { mode, uid } = await stat(keyring);
  assert.equal(mode & 0o777, 0o600);
  if (process.getuid?.() === 0) assert.notEqual(uid, 0, 'the controllers’ own');
  await using file = await open(join(cloud.dataDir, 'storage/volumes', `${volume}.raw`));
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  assert.equal(buffer.toString('latin1'), 'LUKS');

  const backup = join(folder, 'backup');
  const { stderr } = await cloud.ironbark('backup', backup);
  assert.match(stderr, /keyring alone/);
  assert.ok(stderr.includes(keyring));
  const kept = join(folder, 'master.key');
  await copyFile(keyring, kept);
  await cloud.ironbark('down');

  const dataDir = join(folder, 'restored');
  await restoreTo(dataDir, backup);
  await using restored = await CloudUnderTest.start({ ...NO_IMAGE, dataDir });
  const { failures } = await restored.status();
  assert.match(failures.join(' '), /keyring of this cloud is missing/);
  await assert.rejects(makeEncrypted(restored), /keyring of this cloud is missing/);
  await restored.ironbark('down');
  await assert.rejects(
    restored.ironbark('up', '--keyring', join(folder, 'nothing')),
    (error: unknown) => error instanceof CommandError && /is no file/.test(error.stderr),
  );
  await restored.up({ flags: ['--no-image', '--keyring', kept] });
  assert.deepEqual((await restored.status()).failures, []);
  await makeEncrypted(restored);
});
