// Owns short lives of a cloud, each with other steps of its reconcilers in it. Every one ends with a clean slate.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { ATTACH_MODE_TAG, TRANSPORT_TAG } from '@ironbark/core/io-profile.ts';
import { GIB } from '@ironbark/core/units.ts';
import { limitsOf } from '@ironbark/core/volume-types.ts';
import { instanceIntent } from '@ironbark/node/testing/instance-intent.ts';
import type {
  StorageSnapshotIntent,
  StorageVolumeIntent,
} from '@ironbark/protocol/internal/storage-client.ts';
import { assertCleanSlate } from './clean-slate.ts';
import { cloudRows } from './found.ts';
import { type Life, unless } from './life.ts';
import { registerEbsImage } from './registered-image.ts';

export type Scenario = (life: Life) => Promise<void>;

const OWN_VOLUME = {
  BlockDeviceMappings: [
    { DeviceName: '/dev/sdp', Ebs: { VolumeSize: 1, DeleteOnTermination: true } },
  ],
};

/** An instance is launched with a volume, rebooted, stopped, started and terminated. */
async function instanceLife(life: Life): Promise<void> {
  const id = await life.launch(OWN_VOLUME);
  await life.untilPower(id, 'running');
  await life.call('RebootInstances', { InstanceIds: [id] });
  await life.until('it has booted again', ({ guests }) => guests.some(({ boots }) => boots > 1));
  // The next daemon finds the port that this one made, and makes sure of it.
  await life.whileAway(() => {});
  await life.power('StopInstances', id, 'stopped');
  await life.power('StartInstances', id, 'running');
  await life.terminate(id);
  await assertCleanSlate(life.world);
}

async function volumeLife(life: Life): Promise<void> {
  const id = await life.launch();
  const volume = await life.createVolume();
  await life.untilPower(id, 'running');
  await life.attach(volume, id);
  await life.detach(volume);
  await life.attach(volume, id);
  await life.terminate(id);
  await life.until('the volume is free', ({ rows }) => rows.attachment.length === 0);
  await life.deleteVolume(volume);
  await assertCleanSlate(life.world);
}

/** A volume that the guest drives itself, over AoE and then over NBD. */
async function guestVolumeLife(life: Life): Promise<void> {
  const id = await life.launch();
  const Tags = [{ Key: ATTACH_MODE_TAG, Value: 'guest' }];
  const volume = await life.createVolume({
    TagSpecifications: [{ ResourceType: 'volume', Tags }],
  });
  await life.untilPower(id, 'running');
  await life.attach(volume, id);
  await life.detach(volume);
  const overNbd = { Key: TRANSPORT_TAG, Value: 'nbd' };
  await life.call('CreateTags', { Resources: [volume], Tags: [overNbd] });
  await life.attach(volume, id);
  await life.power('StopInstances', id, 'stopped');
  await life.power('StartInstances', id, 'running');
  await life.terminate(id);
  await life.until('the volume is free', ({ rows }) => rows.attachment.length === 0);
  await life.deleteVolume(volume);
  await assertCleanSlate(life.world);
}

/** Two instances have a volume at once; it grows under both, one is cut off, and the other's end frees it. */
async function sharedVolumeLife(life: Life): Promise<void> {
  const [one, other] = [await life.launch(), await life.launch()];
  const wish = { Size: 4, VolumeType: 'io2', Iops: 100, MultiAttachEnabled: true } as const;
  const volume = await life.createVolume(wish);
  for (const id of [one, other]) await life.untilPower(id, 'running');
  for (const id of [one, other]) await life.attach(volume, id);
  await life.call('ModifyVolume', { VolumeId: volume, Size: 5 }).catch(unless('incorrect-state'));
  await life.until('both guests see it', ({ guests }) =>
    guests.every(({ sizes }) => sizes[volume] === 5 * GIB),
  );
  await life.detachFrom(volume, one, true);
  await life.until('only one has it', ({ guests }) => countHolders(guests, volume) === 1);
  // It gets another opening than the one that was taken from it.
  await life.attach(volume, one);
  life.world.crash('storage');
  await life.until('both have it', ({ guests }) => countHolders(guests, volume) === 2);
  await life.detachFrom(volume, other);
  await life.terminate(one, other);
  await life.until('the volume is free', ({ rows }) => rows.attachment.length === 0);
  await life.deleteVolume(volume);
  await assertCleanSlate(life.world);
}

function countHolders(guests: readonly { volumes: string[] }[], volume: string): number {
  return guests.filter(({ volumes }) => volumes.includes(volume)).length;
}

/** A volume becomes larger and faster under its guest; one that is lost meanwhile does not. */
async function volumeChanges(life: Life): Promise<void> {
  const id = await life.launch();
  const volume = await life.createVolume();
  await life.untilPower(id, 'running');
  await life.attach(volume, id);
  const isModified = (state: string) => () => modificationOf(life, volume) === state;
  const change = { VolumeId: volume, Size: 2, VolumeType: 'gp3' as const };
  await life.call('ModifyVolume', change).catch(unless('incorrect-state'));
  await life.until('the guest sees it', ({ guests }) => guests[0]?.sizes[volume] === 2 * GIB);
  await life.until('it is completed', isModified('completed'));
  await life.detach(volume);
  life.world.files.overwrite(`/simulated/storage/volumes/${volume}.raw`, undefined);
  const more = { VolumeId: volume, Size: 3 };
  await life.call('ModifyVolume', more).catch(unless('incorrect-state'));
  await life.until('it has failed', isModified('failed'));
  await life.terminate(id);
  await life.deleteVolume(volume);
  await assertCleanSlate(life.world);
}

function modificationOf(life: Life, volume: string): unknown {
  const rows = cloudRows(life.world, 'volume_modification');
  return rows.find((row) => row['volume_id'] === volume)?.['state'];
}

async function snapshotLife(life: Life): Promise<void> {
  const volume = await life.createVolume();
  const snapshot = await life.snapshot(volume);
  await life.untilSnapshot(snapshot, 'completed');
  const copy = await life.createVolume({ SnapshotId: snapshot as SnapshotId });
  for (const each of [volume, copy]) await life.deleteVolume(each);
  await life.deleteSnapshot(snapshot);
  await assertCleanSlate(life.world);
}

/** An encrypted volume grows, and what is made of it is encrypted; a copy encrypts what was not. */
async function encryptedLife(life: Life): Promise<void> {
  const volume = await life.createVolume({ Encrypted: true });
  const snapshot = await life.snapshot(volume);
  const plain = await life.createVolume();
  const source = await life.snapshot(plain);
  for (const each of [snapshot, source]) await life.untilSnapshot(each, 'completed');
  const grown = { VolumeId: volume, Size: 2 };
  await life.call('ModifyVolume', grown).catch(unless('incorrect-state'));
  await life.until('it is larger', () => modificationOf(life, volume) === 'completed');
  const copy = await life.copySnapshot(source, { Encrypted: true });
  await life.untilSnapshot(copy, 'completed');
  await life.deleteSnapshot(source);
  const restored = await life.createVolume({ SnapshotId: copy as SnapshotId });
  for (const each of [volume, plain, restored]) await life.deleteVolume(each);
  for (const each of [snapshot, copy]) await life.deleteSnapshot(each);
  await assertCleanSlate(life.world);
}

/** Two volumes at one moment; a copy has the bytes on after what it is a copy of is deleted. */
async function snapshotSet(life: Life): Promise<void> {
  const id = await life.launch();
  const volumes = [await life.createVolume(), await life.createVolume()];
  await life.untilPower(id, 'running');
  await life.attach(volumes[0]!, id);
  await life.attach(volumes[1]!, id, '/dev/sdg');
  const [first, second] = await life.snapshots(id);
  for (const each of [first!, second!]) await life.untilSnapshot(each, 'completed');
  const copy = await life.copySnapshot(first!);
  for (const each of [first!, second!]) await life.deleteSnapshot(each);
  volumes.push(await life.createVolume({ SnapshotId: copy as SnapshotId }));
  await life.deleteSnapshot(copy);
  await life.terminate(id);
  await life.until('the volumes are free', ({ rows }) => rows.attachment.length === 0);
  for (const each of volumes) await life.deleteVolume(each);
  await assertCleanSlate(life.world);
}

/** Half of the failures come before the effect. */
const ALL_CALLS = 2;

/** The object store is away: points in time are held, lost when the storage dies, or not wanted any more. */
async function snapshotsThatEndEarly(life: Life): Promise<void> {
  const id = await life.launch();
  const volume = await life.createVolume();
  await life.untilPower(id, 'running');
  await life.attach(volume, id);
  life.world.failureRates.objects = ALL_CALLS;
  const lost = await life.snapshot(volume);
  await life.until('it is held', ({ frozenFiles }) => frozenFiles.length === 1);
  life.world.crash('storage');
  await life.untilSnapshot(lost, 'failed');
  const unwanted = await life.snapshot(volume);
  await life.until('it is held', ({ frozenFiles }) => frozenFiles.length === 1);
  await life.deleteSnapshot(unwanted);
  await life.until('it is let go', ({ frozenFiles }) => frozenFiles.length === 0);
  life.world.failureRates.objects = 0;
  await life.deleteSnapshot(lost);
  await life.terminate(id);
  await life.until('the volume is free', ({ rows }) => rows.attachment.length === 0);
  await life.deleteVolume(volume);
  await assertCleanSlate(life.world);
}

/** Guests end by themselves: a user's shutdown, a crash, and a start that cannot work. */
async function guestsThatEnd(life: Life): Promise<void> {
  const id = await life.launch();
  await life.untilPower(id, 'running');
  await life.endGuest(id, 'crash');
  await life.untilPower(id, 'running');
  await life.endGuest(id, 'shutdown');
  await life.untilPower(id, 'stopped');
  const hopeless = new ServiceError({
    kind: 'unsupported',
    resource: 'host',
    message: 'This host cannot run it.',
  });
  life.world.plant = (name) => (name === 'start' ? hopeless : undefined);
  const other = await life.launch();
  await life.until('the other is over', ({ rows }) =>
    rows.instance.some((row) => row['id'] === other && row['terminated_at'] !== null),
  );
  life.world.plant = () => undefined;
  await life.terminate(id);
  await assertCleanSlate(life.world);
}

/** A guest that ignores a stop, and is wanted again before its time is up. */
async function stopTakenBack(life: Life): Promise<void> {
  const id = await life.launch();
  await life.untilPower(id, 'running');
  life.world.plant = (name) => (name === 'requestShutdown' ? new Error('not heard') : undefined);
  const stop = { generation: 1_000, power: 'stopped' as const };
  const { rows } = { rows: cloudRows(life.world, 'instance') };
  const intent = { ...instanceIntent(), ...readIntent(life, id) };
  const placed = (changes: object) => ({ nodeId: life.node, intent: { ...intent, ...changes } });
  await life.tell(() => life.cluster.putInstances([placed(stop)]));
  await life.pass(10_000);
  await life.tell(() =>
    life.cluster.putInstances([placed({ generation: 1_001, power: 'running' })]),
  );
  await life.pass(120_000);
  life.world.plant = () => undefined;
  // The cloud's own word is older than what the node has been told by now, until it has caught up.
  await life.tell(() =>
    life.cluster.putInstances([placed({ generation: 1_002, power: 'terminated' })]),
  );
  await life.until('it is over', ({ guests }) => guests.length === 0);
  await life.terminate(...rows.map((row) => row['id'] as InstanceId));
  await assertCleanSlate(life.world);
}

/** What the zone was last told of the instance. */
function readIntent(life: Life, id: InstanceId): object {
  const path = '/simulated/cluster/cluster.db';
  const rows = life.world.databases.rows(path, 'select id, intent from placed_instance');
  return JSON.parse(rows.find((row) => row['id'] === id)!['intent'] as string) as object;
}

/** An image whose root disks are volumes; images of its instance, which is off meanwhile; and one that never is. */
async function ebsImages(life: Life): Promise<void> {
  const { imageId, snapshotId } = await registerEbsImage(life.world);
  const id = await life.launch({ ImageId: imageId });
  await life.untilPower(id, 'running');
  const made = await life.createImage(id, 'at rest');
  await life.untilPower(id, 'running');
  const copy = await life.launch({ ImageId: made.imageId });
  await life.untilPower(copy, 'running');
  const isLost = (state: string) => () =>
    cloudRows(life.world, 'image').some((row) => row['name'] === 'lost' && row['stage'] === state);
  // It does not hear that it is to stop, so the image waits.
  life.world.plant = (name) => (name === 'requestShutdown' ? new Error('not heard') : undefined);
  const lost = { InstanceId: copy, Name: 'lost' };
  await life.call('CreateImage', lost).catch(unless('incorrect-state'));
  await life.until('it waits', isLost('stopping'));
  await life.terminate(copy, id);
  life.world.plant = () => undefined;
  await life.until('it has failed', isLost('failed'));
  for (const row of cloudRows(life.world, 'image')) {
    if (row['root_device_type'] === 'ebs') await life.deregister(String(row['id']));
  }
  for (const each of [snapshotId, made.snapshotId]) await life.deleteSnapshot(each);
  await assertCleanSlate(life.world);
}

/** A volume that cannot be filled ends the launch that asked for it. */
async function launchWithoutItsVolume(life: Life): Promise<void> {
  const volume = await life.createVolume();
  const snapshot = await life.snapshot(volume);
  await life.untilSnapshot(snapshot, 'completed');
  for (const bucket of life.world.objects.buckets.values()) {
    for (const key of bucket.keys()) if (key.includes(snapshot)) bucket.delete(key);
  }
  const id = await life.launch({
    BlockDeviceMappings: [
      { DeviceName: '/dev/sdp', Ebs: { SnapshotId: snapshot, DeleteOnTermination: true } },
    ],
  });
  await life.until(`${id} is over`, ({ rows }) =>
    rows.instance.some((row) => row['id'] === id && row['forgotten_at'] !== null),
  );
  await life.deleteVolume(volume);
  await life.deleteSnapshot(snapshot);
  await assertCleanSlate(life.world);
}

const VOLUME: VolumeId = 'vol-00000000000000001';
const COPY: VolumeId = 'vol-00000000000000002';
const SNAPSHOT: SnapshotId = 'snap-00000000000000001';

/** The zone and the storage have what the cloud lost the rows of: they end it, and the cloud lets them forget. */
async function strays(life: Life): Promise<void> {
  const stray = instanceIntent({ id: 'i-00000000000000001' });
  const placed = (changes: object) => [{ nodeId: life.node, intent: { ...stray, ...changes } }];
  // With the first launch the zone learns of its subnet.
  const first = await life.launch();
  await life.untilPower(first, 'running');
  const subnetId = String(cloudRows(life.world, 'subnet')[0]!['id']) as typeof SUBNET;
  const interfaces = stray.interfaces.map((nic) => ({ ...nic, subnetId }));
  await life.tell(() => life.cluster.putInstances(placed({ generation: 1, interfaces })));
  await life.until('both run', ({ guests }) => guests.length === 2);
  await putVolumes(life, { id: VOLUME, generation: 1, exportTo: life.node });
  await life.until('it is open', ({ stored }) => stored.volume.some((row) => row['export']));
  const limits = limitsOf({ type: 'gp3', sizeGib: 2 });
  await putVolumes(life, { id: VOLUME, generation: 2, exportTo: life.node, limits });
  await life.until('it is slower', ({ stored }) => stored.volume[0]?.['observed_generation'] === 2);
  await putVolumes(life, { id: VOLUME, generation: 3, sizeBytes: 2 * GIB });
  await life.until('it is larger', ({ stored }) => stored.volume[0]?.['observed_generation'] === 3);
  life.world.files.overwrite(`/simulated/storage/volumes/${VOLUME}.raw`, undefined);
  await putVolumes(life, { id: VOLUME, generation: 4, sizeBytes: 2 * GIB });
  await life.until('it is lost', ({ stored }) => stored.volume[0]?.['observed_state'] === 'failed');
  await putSnapshot(life, { generation: 1, desired: 'present' });
  await putVolumes(life, { id: COPY, generation: 1, fromSnapshotId: SNAPSHOT });
  await life.until('neither can be', ({ stored }) =>
    [...stored.snapshot, ...stored.volume].every((row) => row['observed_state'] === 'failed'),
  );
  await putSnapshot(life, { generation: 2, desired: 'present' });
  await life.until('it is told', ({ stored }) => stored.snapshot[0]?.['observed_generation'] === 2);
  await life.terminate(first);
  const end = { generation: 2, power: 'terminated', interfaces };
  await life.tell(() => life.cluster.putInstances(placed(end)));
  const absent = { generation: 9, desired: 'absent' as const };
  await putVolumes(life, { id: VOLUME, ...absent }, { id: COPY, ...absent });
  await putSnapshot(life, absent);
  await assertCleanSlate(life.world);
}

const SUBNET = instanceIntent().interfaces[0]!.subnetId;

function putVolumes(
  life: Life,
  ...volumes: (Pick<StorageVolumeIntent, 'id' | 'generation'> & Partial<StorageVolumeIntent>)[]
): Promise<void> {
  const whole = volumes.map((one) => ({ desired: 'present' as const, sizeBytes: GIB, ...one }));
  return life.tell(() => life.storage.putIntents({ volumes: whole, snapshots: [] }));
}

function putSnapshot(
  life: Life,
  intent: Pick<StorageSnapshotIntent, 'generation' | 'desired'>,
): Promise<void> {
  const account = { accountId: '000000000001' as const };
  const whole = { id: SNAPSHOT, volumeId: VOLUME, volumeSizeBytes: GIB, ...account, ...intent };
  return life.tell(() => life.storage.putIntents({ volumes: [], snapshots: [whole] }));
}

const OVER_AN_HOUR_MS = 62 * 60_000;

async function expiry(life: Life): Promise<void> {
  const id = await life.launch();
  await life.untilPower(id, 'running');
  await life.terminate(id);
  await assertCleanSlate(life.world);
  life.world.simulation.wallAheadMs += OVER_AN_HOUR_MS;
  await life.until('no row is left', ({ rows }) => rows.instance.length === 0);
}

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  instanceLife,
  volumeLife,
  guestVolumeLife,
  sharedVolumeLife,
  volumeChanges,
  snapshotLife,
  encryptedLife,
  snapshotSet,
  snapshotsThatEndEarly,
  guestsThatEnd,
  stopTakenBack,
  ebsImages,
  launchWithoutItsVolume,
  strays,
  expiry,
};
