// A cloud with a real guest is backed up while the guest writes, lost, and restored in another folder, where another
// guest reads the volume.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { restoreTo } from '../faults/backup/backup-rounds.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { launchDirectGuest } from '../support/direct-guest.ts';
import { findDevice } from '../support/guests.ts';
import { attachVolume, createVolume } from '../support/volumes.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root for bridges and taps';
const DEVICE = '/dev/sdf';

async function launchWith(cloud: CloudUnderTest, volumeId: string) {
  const guest = await launchDirectGuest(cloud);
  await attachVolume(cloud, volumeId, { instanceId: guest.id, device: DEVICE });
  return { guest, disk: await findDevice(guest.run, volumeId) };
}

test('what a guest had flushed to its volume is read by another guest of the restored cloud', {
  skip,
}, async () => {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp('/var/tmp/ironbark-backup-');
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const first = undo.use(await CloudUnderTest.start());
  const volumeId = await createVolume(first);
  const { guest, disk } = await launchWith(first, volumeId);
  const digest = `dd if=${disk} bs=1M count=4 2>/dev/null | md5sum`;
  const fill = `seq 1 700000 | dd of=${disk} bs=1M count=4 iflag=fullblock conv=fsync 2>/dev/null`;
  const written = await guest.run(`${fill}; ${digest}`);
  // Elsewhere on the disk it writes on and on while the backup is taken.
  const on = `while sleep 0.1; do dd if=/dev/urandom of=${disk} bs=64k count=4 seek=1024 conv=fsync,notrunc; done`;
  await guest.start(on);
  const backup = join(folder, 'backup');
  const summary = await first.json<{ volumes: number }>('backup', backup, '--with-volumes');
  assert.equal(summary.volumes, 1);
  assert.equal(await guest.run(digest), written, 'the guest runs on');
  await first.ironbark('purge', '--yes');

  const dataDir = join(folder, 'restored');
  await restoreTo(dataDir, backup);
  const second = undo.use(await CloudUnderTest.start({ dataDir }));
  const { Reservations } = await second.ec2().call('DescribeInstances', {
    InstanceIds: [guest.id],
  });
  assert.equal(Reservations?.[0]?.Instances?.[0]?.State?.Name, 'terminated');
  await eventually('the volume to be free', async () => {
    const { Volumes } = await second.ec2().call('DescribeVolumes', { VolumeIds: [volumeId] });
    return Volumes?.[0]?.State === 'available';
  });
  const again = await launchWith(second, volumeId);
  const read = `dd if=${again.disk} bs=1M count=4 2>/dev/null | md5sum`;
  assert.equal(await again.guest.run(read), written);
});
