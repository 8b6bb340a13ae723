// Owns the tests of volumes that several instances have at once, through the actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import { refused } from './testing/ebs-lab.ts';
import { TestCloud } from './testing/test-cloud.ts';

const ZONE = { AvailabilityZone: 'us-east-1a' };
const SHARED = { Size: 4, VolumeType: 'io2', Iops: 100, MultiAttachEnabled: true } as const;

async function makeVolume(t: TestCloud, wish: object = SHARED): Promise<string> {
  const { VolumeId } = await t.call('CreateVolume', { ...ZONE, ...wish });
  await t.settleVolume(VolumeId!, 'available');
  return VolumeId!;
}

async function launchRunning(t: TestCloud, count: number): Promise<string[]> {
  const image = await t.registerImage();
  const ids = await t.launch(image, {
    InstanceType: 't3.nano',
    MinCount: count,
    MaxCount: count,
  });
  for (const id of ids) await t.settleState(id, 'running');
  return ids;
}

function attach(t: TestCloud, VolumeId: string, InstanceId: string, Device = '/dev/sdf') {
  return t.call('AttachVolume', { VolumeId, InstanceId, Device });
}

/** By instance, in the order in which they got the volume. */
async function settleAttachments(t: TestCloud, id: string, wanted: readonly string[]) {
  await t.settle(`${id} with ${wanted.length}`, async () => {
    const { Attachments = [] } = await t.describeVolume(id);
    const attached = Attachments.filter(({ State }) => State === 'attached');
    const ids = attached.map(({ InstanceId }) => InstanceId!);
    return Attachments.length === wanted.length && wanted.every((one) => ids.includes(one));
  });
}

test('several instances have a volume at once, each leaves by itself, and the last one frees it', async () => {
  await using t = await TestCloud.start();
  const volume = await makeVolume(t);
  const [a, b, c] = (await launchRunning(t, 3)) as [string, string, string];
  for (const id of [a, b, c]) await attach(t, volume, id);
  await settleAttachments(t, volume, [a, b, c]);
  const seen = await t.describeVolume(volume);
  assert.deepEqual([seen.State, seen.MultiAttachEnabled], ['in-use', true]);
  const sockets = [a, b, c].map((id) => {
    const [plugged] = t.cluster.getIntent(id as InstanceId).volumes;
    return plugged!.source.kind === 'nbd-unix' ? plugged!.source.socketPath : '';
  });
  assert.equal(new Set(sockets).size, 3, 'each has an opening of its own');
  const find = async (name: string, value: string) => {
    const Filters = [{ Name: name, Values: [value] }];
    return (await t.call('DescribeVolumes', { Filters })).Volumes!.length;
  };
  assert.equal(await find('multi-attach-enabled', 'true'), 1);
  assert.equal(await find('multi-attach-enabled', 'false'), 0);
  for (const id of [a, b, c]) assert.equal(await find('attachment.instance-id', id), 1);
  const { VolumeStatuses } = await t.call('DescribeVolumeStatus', { VolumeIds: [volume] });
  const told = VolumeStatuses![0]!.AttachmentStatuses!.map(({ InstanceId }) => InstanceId!);
  assert.deepEqual(told.sort(), [a, b, c].sort());

  await assert.rejects(
    t.call('DetachVolume', { VolumeId: volume }),
    refused('missing-parameter', 'request', 'InstanceId'),
  );
  await t.call('DetachVolume', { VolumeId: volume, InstanceId: b });
  await settleAttachments(t, volume, [a, c]);
  assert.equal((await t.describeVolume(volume)).State, 'in-use');
  assert.equal(t.cluster.hasOpen(volume as VolumeId, a as InstanceId), true);
  assert.equal(t.cluster.hasOpen(volume as VolumeId, b as InstanceId), false);
  await assert.rejects(
    t.call('DetachVolume', { VolumeId: volume, InstanceId: b }),
    refused('not-attached', 'attachment'),
  );
  // By force, and again: it comes back by another opening.
  await t.call('DetachVolume', { VolumeId: volume, InstanceId: c, Force: true });
  await settleAttachments(t, volume, [a]);
  await attach(t, volume, c, '/dev/sdg');
  await settleAttachments(t, volume, [a, c]);
  await assert.rejects(t.call('DeleteVolume', { VolumeId: volume }), refused('in-use', 'volume'));
  await assert.rejects(attach(t, volume, c, '/dev/sdh'), refused('in-use', 'volume'));
  await t.call('TerminateInstances', { InstanceIds: [c] });
  await settleAttachments(t, volume, [a]);
  await t.call('DetachVolume', { VolumeId: volume, InstanceId: a });
  await t.settleVolume(volume, 'available');
  await t.call('DeleteVolume', { VolumeId: volume });
  await t.settle('gone', () => t.storage.listVolumeIds().length === 0);
});

test('a volume that is to go with its instance goes with the last one', async () => {
  await using t = await TestCloud.start();
  const volume = await makeVolume(t);
  const [a, b] = (await launchRunning(t, 2)) as [string, string];
  for (const id of [a, b]) {
    await attach(t, volume, id);
    const Ebs = { VolumeId: volume, DeleteOnTermination: true };
    const BlockDeviceMappings = [{ DeviceName: '/dev/sdf', Ebs }];
    await t.call('ModifyInstanceAttribute', { InstanceId: id, BlockDeviceMappings });
  }
  await settleAttachments(t, volume, [a, b]);
  await t.call('TerminateInstances', { InstanceIds: [a] });
  await t.settleState(a, 'terminated');
  await settleAttachments(t, volume, [b]);
  assert.equal((await t.describeVolume(volume)).State, 'in-use');
  await t.call('TerminateInstances', { InstanceIds: [b] });
  await t.settle('gone', () => t.storage.listVolumeIds().length === 0);
});

test('a shared volume that grows is shown to every guest before its change is completed', async () => {
  await using t = await TestCloud.start();
  const volume = await makeVolume(t);
  const ids = await launchRunning(t, 2);
  for (const id of ids) await attach(t, volume, id);
  await settleAttachments(t, volume, ids);
  await t.call('ModifyVolume', { VolumeId: volume, Size: 5 });
  await t.settle('completed', async () => {
    const found = await t.call('DescribeVolumesModifications', { VolumeIds: [volume] });
    return found.VolumesModifications![0]!.ModificationState === 'completed';
  });
  for (const id of ids) {
    const [plugged] = t.cluster.getIntent(id as InstanceId).volumes;
    assert.equal(plugged!.sizeBytes, 5 * 2 ** 30);
  }
});

test('Multi-Attach is enabled while nobody has the volume, and disabled while at most one has', async () => {
  await using t = await TestCloud.start();
  const [a, b] = (await launchRunning(t, 2)) as [string, string];
  const volume = await makeVolume(t, { Size: 4, VolumeType: 'io2', Iops: 100 });
  const modify = async (change: object, id = volume) => {
    const { VolumeModification } = await t.call('ModifyVolume', { VolumeId: id, ...change });
    await t.settle('modified', async () => {
      const found = await t.call('DescribeVolumesModifications', { VolumeIds: [id] });
      return found.VolumesModifications![0]!.ModificationState === 'completed';
    });
    return VolumeModification!;
  };
  const gp3 = { ...ZONE, Size: 4, VolumeType: 'gp3', MultiAttachEnabled: true } as const;
  await assert.rejects(
    t.call('CreateVolume', gp3),
    refused('invalid-combination', 'request', 'not supported for gp3'),
  );
  await attach(t, volume, a);
  await assert.rejects(attach(t, volume, b), refused('in-use', 'volume'));
  await assert.rejects(
    modify({ MultiAttachEnabled: true }),
    refused('incorrect-state', 'volume', 'attached to none'),
  );
  await t.call('DetachVolume', { VolumeId: volume });
  await t.settleVolume(volume, 'available');
  const enabled = await modify({ MultiAttachEnabled: true });
  assert.equal(enabled.OriginalMultiAttachEnabled, false);
  assert.equal(enabled.TargetMultiAttachEnabled, true);
  for (const id of [a, b]) await attach(t, volume, id);
  await settleAttachments(t, volume, [a, b]);
  await assert.rejects(
    modify({ MultiAttachEnabled: false }),
    refused('incorrect-state', 'volume', 'at most one'),
  );
  await assert.rejects(
    modify({ VolumeType: 'gp3' }),
    refused('invalid-combination', 'request', 'its type'),
  );
  await t.call('DetachVolume', { VolumeId: volume, InstanceId: b });
  await settleAttachments(t, volume, [a]);
  await modify({ MultiAttachEnabled: false });
  await assert.rejects(attach(t, volume, b), refused('in-use', 'volume'));
  await t.call('DetachVolume', { VolumeId: volume });
  await t.settleVolume(volume, 'available');
  // From now on it is opened as any other.
  await attach(t, volume, b);
  await settleAttachments(t, volume, [b]);
  assert.deepEqual(t.storage.findIntent(volume as VolumeId)?.openTo, undefined);
});
