// Owns the launch of instances: everything is checked and written as intent in one transaction.

import type {
  AccountId,
  ImageId,
  InstanceId,
  LaunchTemplateId,
  ReservationId,
} from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { MetadataIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { StorageReport } from '@ironbark/protocol/internal/storage-client.ts';
import type { InstanceProfileTable } from '../store/iam-schema.ts';
import type { ImageRow } from '../store/image-schema.ts';
import { insertInstance, insertReservation, listUnplaced } from '../store/instances.ts';
import { findKeyPairNamed } from '../store/key-pairs.ts';
import type { PlacementGroupRow } from '../store/placement-group-schema.ts';
import { type KeyPairRow, type SubnetRow, toFlag } from '../store/schema.ts';
import type { App } from './app.ts';
import { attachWayOf, BY_HOST, checkGuestMode } from './attach-modes.ts';
import { checkSlots, checkVolumeCount } from './attachments.ts';
import { type DeviceWish, planVolumes } from './block-devices.ts';
import { findPlaces, loadDemand, localDiskBytes } from './capacity.ts';
import type { Caller, Change } from './change.ts';
import { associateProfile, getPassedProfile, type PassedWish } from './iam/profile-associations.ts';
import { getAvailableImage } from './images.ts';
import { findInstanceType, type InstanceType } from './instance-types.ts';
import {
  type InterfaceWish,
  type PlannedInterface,
  planInterfaces,
  writeInterfaces,
} from './launch-interfaces.ts';
import { getPlacementGroup, type PlacementWish } from './placement-groups.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { exceeded, findRoom } from './quotas/limits.ts';
import { invalidCombination, invalidValue, notFound, refuse } from './refusals.ts';
import { setTags, setTemplateTags, type Tag } from './tags.ts';
import { chooseBackend } from './volume-backends.ts';
import { comesByGate } from './volume-reach.ts';
import { makeAttachedVolume, type VolumeMapping } from './volumes.ts';

export interface LaunchRequest extends InterfaceWish {
  imageId: ImageId;
  instanceType: string;
  minCount: number;
  maxCount: number;
  keyName: string | undefined;
  /** Base64. */
  userData: string | undefined;
  zone: string | undefined;
  disableApiTermination: boolean;
  disableApiStop: boolean;
  detailedMonitoring: boolean;
  shutdownBehavior: 'stop' | 'terminate';
  metadataOptions: MetadataIntent['options'];
  mappings: DeviceWish[];
  tags: Record<'instance' | 'volume' | 'network-interface', Tag[]>;
  clientToken: string | undefined;
  placement: PlacementWish | undefined;
  profile: PassedWish | undefined;
  template: { id: LaunchTemplateId; version: number } | undefined;
}

/** Everything that a launch needs, looked up and found good. */
interface Launch {
  accountId: AccountId;
  request: LaunchRequest;
  image: ImageRow;
  type: InstanceType;
  subnet: SubnetRow;
  interfaces: PlannedInterface[];
  key: KeyPairRow | undefined;
  mappings: VolumeMapping[];
  storage: StorageReport | undefined;
  placementGroup: PlacementGroupRow | undefined;
  profile: InstanceProfileTable | undefined;
}

/** An account that asks for more at once has made a mistake; EC2's default quotas stop it sooner. */
const MAX_INSTANCES_AT_ONCE = 200;

/** Writes the reservation with its instances, interfaces and volumes. Answers their ids. */
export async function launchInstances(
  app: App,
  caller: Caller,
  change: Change,
  request: LaunchRequest,
  storage: StorageReport | undefined,
): Promise<{ reservationId: ReservationId; instanceIds: InstanceId[] }> {
  const launch = await prepareLaunch(app, caller, change, request, storage);
  const most = await countWithinQuota(change, launch);
  const candidates = Array.from({ length: most }, () => newId(app.random, 'i'));
  const instanceIds = await chooseFitting(app, change, launch, candidates);
  const reservationId = newId(app.random, 'r');
  const { accountId } = caller;
  await insertReservation(change.tx, { id: reservationId, accountId, createdAt: change.nowMs });
  for (const [launchIndex, id] of instanceIds.entries()) {
    await writeInstance(app, caller, change, launch, { id, reservationId, launchIndex });
  }
  change.touched.placement = true;
  return { reservationId, instanceIds };
}

async function prepareLaunch(
  app: App,
  caller: Caller,
  { tx }: Change,
  request: LaunchRequest,
  storage: StorageReport | undefined,
): Promise<Launch> {
  const { accountId } = caller;
  checkCounts(request);
  const type = findInstanceType(request.instanceType);
  if (type === undefined) {
    throw invalidValue(
      'InstanceType',
      request.instanceType,
      'DescribeInstanceTypes lists the types that this cloud offers.',
    );
  }
  const image = await getAvailableImage(tx, accountId, request.imageId);
  const mappings = planVolumes(image, request.mappings);
  checkVolumeCount(mappings.length);
  if (image.minMemoryMib > type.memoryMib) throw tooSmall(image, type);
  const place = { ...request, defaultZone: app.zone };
  const interfaces = await planInterfaces(tx, caller, request, place);
  checkSlots(interfaces.length + mappings.length);
  const key = await findKey(tx, accountId, request.keyName);
  const { placement, profile } = request;
  return {
    accountId,
    request,
    image,
    type,
    subnet: interfaces[0]!.subnet,
    interfaces,
    key,
    mappings,
    storage,
    placementGroup: placement && (await getPlacementGroup(tx, accountId, placement)),
    profile: profile && (await getPassedProfile(tx, accountId, profile)),
  };
}

function checkCounts({ minCount, maxCount }: LaunchRequest): void {
  if (minCount < 1) throw invalidValue('MinCount', minCount, 'It has to be at least 1.');
  if (maxCount < minCount) {
    throw invalidCombination(`MaxCount (${maxCount}) is less than MinCount (${minCount}).`);
  }
  if (maxCount > MAX_INSTANCES_AT_ONCE) {
    throw refuse(
      'limit-exceeded',
      'instance',
      `One request can launch at most ${MAX_INSTANCES_AT_ONCE} instances; ask several times.`,
    );
  }
}

/** As many as the account may have run and may have interfaces for, up to what is asked for. */
async function countWithinQuota({ tx }: Change, launch: Launch): Promise<number> {
  const { accountId, type, request } = launch;
  const made = launch.interfaces.filter(({ existing }) => existing === undefined).length;
  const ofEach = [
    { quota: QUOTAS.vcpus, count: type.vcpus },
    { quota: QUOTAS.interfaces, count: made },
  ];
  let most = request.maxCount;
  for (const { quota, count } of ofEach.filter((one) => one.count > 0)) {
    const { limit, room } = await findRoom(tx, accountId, quota);
    most = Math.min(most, Math.floor(room / count));
    if (most < request.minCount) throw exceeded(quota, limit);
  }
  return most;
}

function tooSmall(image: ImageRow, type: InstanceType): Error {
  return invalidCombination(
    `The image '${image.id}' needs ${image.minMemoryMib} MiB of memory; ${type.name} has ${type.memoryMib} MiB.`,
  );
}

async function findKey(
  tx: Change['tx'],
  accountId: string,
  name: string | undefined,
): Promise<KeyPairRow | undefined> {
  if (name === undefined) return undefined;
  const key = await findKeyPairNamed(tx, accountId, name);
  if (key === undefined) throw notFound('key-pair', 'key pair', [name]);
  return key;
}

/** As many of the candidates as the nodes hold; refuses when that is less than the request's minimum. */
async function chooseFitting(
  app: App,
  { tx }: Change,
  launch: Launch,
  candidates: readonly InstanceId[],
): Promise<InstanceId[]> {
  const { accountId, type, image, request } = launch;
  const unplaced = await listUnplaced(tx);
  // As they will be placed, or one would be let in that then has no place.
  const waiting = await Promise.all(unplaced.map((row) => loadDemand(tx, row)));
  const demands = candidates.map((id) => ({
    id,
    accountId,
    vcpus: type.vcpus,
    memoryMib: type.memoryMib,
    rootDiskBytes: localDiskBytes(image),
    needsVolumes: launch.mappings.length > 0,
    needsNearVolumes: launch.mappings.some((mapping) => !comesByGate(wayOf(launch, mapping))),
    group: launch.placementGroup,
  }));
  const placement = await findPlaces(tx, app, [...waiting, ...demands]);
  const placed = new Set(placement.placed.map(({ id }) => id));
  const fitting = candidates.filter((id) => placed.has(id));
  if (fitting.length >= request.minCount) return fitting;
  const reason = placement.refused.find(({ id }) => candidates.includes(id))?.reason ?? '';
  throw refuse(
    'insufficient-capacity',
    'instance',
    `We currently do not have sufficient ${type.name} capacity in the Availability Zone you requested (${launch.subnet.zone}). ${reason}`,
  );
}

interface Place {
  id: InstanceId;
  reservationId: ReservationId;
  launchIndex: number;
}

function wayOf(
  { image, request }: Launch,
  { deviceName }: VolumeMapping,
): ReturnType<typeof attachWayOf> {
  return deviceName === image.rootDeviceName ? BY_HOST : attachWayOf(request.tags.volume);
}

async function writeInstance(
  app: App,
  caller: Caller,
  change: Change,
  launch: Launch,
  place: Place,
): Promise<void> {
  const { tx, touched } = change;
  const { request } = launch;
  await insertInstance(tx, renderRow(caller, change, launch, place));
  if (launch.profile !== undefined) {
    await associateProfile(app, change, { ...place, ...caller }, launch.profile);
  }
  await setTags(tx, caller.accountId, place.id, request.tags.instance);
  await setTemplateTags(tx, caller.accountId, place.id, request.template);
  const ofInstance = { id: place.id, tags: request.tags['network-interface'] };
  await writeInterfaces(app, caller, change, launch.interfaces, ofInstance);
  const metadataOptions = JSON.stringify(request.metadataOptions);
  for (const mapping of launch.mappings) {
    const way = wayOf(launch, mapping);
    const { vpcId } = launch.subnet;
    await checkGuestMode(tx, way.attachMode, { metadataOptions, vpcId });
    const volumeId = await makeAttachedVolume(app, caller, change, {
      instanceId: place.id,
      zone: launch.subnet.zone,
      mapping,
      backend: chooseBackend(request.tags.volume, launch.storage),
      way,
      storage: launch.storage,
    });
    await setTags(tx, caller.accountId, volumeId, request.tags.volume);
  }
  touched.instances.add(place.id);
}

function renderRow(
  caller: Caller,
  { nowMs }: Change,
  { request, image, type, subnet, key, placementGroup }: Launch,
  place: Place,
): Parameters<typeof insertInstance>[1] {
  return {
    ...place,
    accountId: caller.accountId,
    imageId: image.id,
    image: image.contents,
    architecture: image.architecture,
    rootDeviceType: image.rootDeviceType,
    rootDeviceName: image.rootDeviceName,
    rootDiskBytes: image.rootDiskBytes,
    instanceType: type.name,
    vcpus: type.vcpus,
    memoryMib: type.memoryMib,
    keyName: key?.name ?? null,
    publicKey: key?.publicKey ?? null,
    userData: request.userData ?? null,
    zone: subnet.zone,
    vpcId: subnet.vpcId,
    subnetId: subnet.id,
    metadataOptions: JSON.stringify(request.metadataOptions),
    disableApiTermination: toFlag(request.disableApiTermination),
    disableApiStop: toFlag(request.disableApiStop),
    detailedMonitoring: toFlag(request.detailedMonitoring),
    shutdownBehavior: request.shutdownBehavior,
    clientToken: request.clientToken ?? null,
    createdAt: nowMs,
    launchedAt: nowMs,
    generation: 1,
    desiredPower: 'running',
    desiredForceStop: 0,
    desiredRebootCount: 0,
    powerGeneration: 1,
    transitionReason: '',
    observedGeneration: 0,
    hasRun: 0,
    placementGroupId: placementGroup?.id ?? null,
    placementStrategy: placementGroup?.strategy ?? null,
  };
}
