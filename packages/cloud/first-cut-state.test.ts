// A data folder of the first cut under today's code: everything is there, answers, and goes on.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { cloudTables } from './store/migrations/0001-cloud.ts';
import { FIRST_CUT_ROWS } from './testing/first-cut-rows.ts';
import { TestCloud } from './testing/test-cloud.ts';

const INSTANCE = 'i-00000000000000001';
const ATTACHED = 'vol-00000000000000001';
const FREE = 'vol-00000000000000002';
const SNAPSHOT = 'snap-00000000000000001';

async function writeFirstCut(dataDir: string): Promise<void> {
  const migrations = { '0001-cloud': cloudTables };
  type Tables = Record<string, Record<string, string | number | null>>;
  await using database = await openSqlite<Tables>({ path: join(dataDir, 'cloud.db'), migrations });
  await database.transaction(async (tx) => {
    for (const [table, rows] of Object.entries(FIRST_CUT_ROWS)) {
      for (const row of rows) await tx.insertInto(table).values(row).execute();
    }
  });
}

test('the state of the first cut is taken over: what there was is described, detached, used and deleted', async () => {
  await using test = await TestCloud.start({ prepare: writeFirstCut });
  await test.settleState(INSTANCE, 'running');
  const instance = await test.describe(INSTANCE);
  assert.equal(instance.RootDeviceType, 'instance-store');
  assert.deepEqual(
    instance.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [DeviceName, Ebs?.VolumeId]),
    [['/dev/sdf', ATTACHED]],
  );
  assert.deepEqual([instance.KeyName, instance.PrivateIpAddress], ['me', '172.31.0.4']);
  const volume = await test.describeVolume(ATTACHED);
  assert.deepEqual(
    [volume.State, volume.Size, volume.VolumeType, volume.Encrypted],
    ['in-use', 2, 'gp2', false],
  );
  assert.deepEqual(volume.Tags, [{ Key: 'Name', Value: 'data' }]);
  const { Snapshots } = await test.call('DescribeSnapshots', { OwnerIds: ['self'] });
  assert.deepEqual(
    Snapshots?.map(({ SnapshotId, State, VolumeId, Encrypted }) => [
      SnapshotId,
      State,
      VolumeId,
      Encrypted,
    ]),
    [[SNAPSHOT, 'completed', ATTACHED, false]],
  );
  const { Images } = await test.call('DescribeImages', { Owners: ['self'] });
  assert.deepEqual(
    Images?.map(({ Name, State, RootDeviceType }) => [Name, State, RootDeviceType]),
    [['tiny', 'available', 'instance-store']],
  );
  await test.settleVolume(FREE, 'available');
  await test.call('AttachVolume', { VolumeId: FREE, InstanceId: INSTANCE, Device: '/dev/sdg' });
  await test.settleVolume(FREE, 'in-use');
  await test.call('ModifyVolume', { VolumeId: ATTACHED, Size: 4 });
  await test.settle(
    'the volume is larger',
    async () => (await test.describeVolume(ATTACHED)).Size === 4,
  );
  await test.call('DetachVolume', { VolumeId: ATTACHED });
  await test.settleVolume(ATTACHED, 'available');
  await test.call('DeleteSnapshot', { SnapshotId: SNAPSHOT });
  await test.call('TerminateInstances', { InstanceIds: [INSTANCE] });
  await test.settleState(INSTANCE, 'terminated');
  await test.settleVolume(FREE, 'available');
});
