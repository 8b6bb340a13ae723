// A cloud with a real guest is backed up while the guest writes, lost, and restored in another folder, where another
// guest reads the volume.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { restoreTo } from '../faults/backup/backup-rounds.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { findDevice } from '../support/guests.ts';
import { attachVolume, connectEc2, createVolume } from '../support/volumes.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root for bridges and taps';
const DEVICE = '/dev/sdf';

async function launchWith(cloud: CloudUnderTest, volumeId: string) {
  const { instanceId } = await cloud.json<{ instanceId: string }>('launch', '--name', 'web');
  await attachVolume(cloud, volumeId, { instanceId, device: DEVICE });
  return { instanceId, disk: await findDevice(cloud, instanceId, volumeId) };
}

test('what a guest had flushed to its volume is read by another guest of the restored cloud', {
  skip,
}, async () => {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp('/var/tmp/ironbark-backup-');
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const first = undo.use(await CloudUnderTest.start());
  const volumeId = await createVolume(first);
  const { instanceId, disk } = await launchWith(first, volumeId);
  const digest = `dd if=${disk} bs=1M count=16 2>/dev/null | sha256sum`;
  const fill = `seq 1 3000000 | dd of=${disk} bs=1M count=16 iflag=fullblock conv=fsync 2>/dev/null`;
  const written = await first.ssh(instanceId, `${fill}; ${digest}`);
  // Elsewhere on the disk it writes on and on while the backup is taken.
  const on = `while true; do dd if=/dev/urandom of=${disk} bs=64k count=4 seek=1024 conv=fsync,notrunc; done`;
  await first.ssh(instanceId, `( ${on} ) >/dev/null 2>&1 </dev/null &`);
  const backup = join(folder, 'backup');
  const summary = await first.json<{ volumes: number }>('backup', backup, '--with-volumes');
  assert.equal(summary.volumes, 1);
  assert.equal(await first.ssh(instanceId, digest), written, 'the guest runs on');
  await first.ironbark('purge', '--yes');

  const dataDir = join(folder, 'restored');
  await restoreTo(dataDir, backup);
  const second = undo.use(await CloudUnderTest.start({ dataDir }));
  const { Reservations } = await connectEc2(second).call('DescribeInstances', {
    InstanceIds: [instanceId],
  });
  assert.equal(Reservations?.[0]?.Instances?.[0]?.State?.Name, 'terminated');
  await eventually('the volume to be free', async () => {
    const { Volumes } = await connectEc2(second).call('DescribeVolumes', { VolumeIds: [volumeId] });
    return Volumes?.[0]?.State === 'available';
  });
  const again = await launchWith(second, volumeId);
  const read = `dd if=${again.disk} bs=1M count=16 2>/dev/null | sha256sum`;
  assert.equal(await second.ssh(again.instanceId, read), written);
});
