// Owns the power of instances: start, stop, reboot and terminate as changes of what is desired.

import type { InstanceId } from '@ironbark/core/ids.ts';
import {
  INSTANCE_ALLOWS,
  type InstanceOperation,
  type InstanceState,
} from '@ironbark/core/states.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import { leaveStopped } from '../store/images.ts';
import { findInstances, updateInstance } from '../store/instances.ts';
import type { AttachmentRow, DesiredPower, InstanceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { dissociateProfile } from './iam/profile-associations.ts';
import { viewState } from './instance-view.ts';
import { leaveNode, placedOn } from './node-leaving.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { refuse } from './refusals.ts';
import { INSTANCE, matchIds } from './resource-ids.ts';
import { chooseStartNode } from './start-place.ts';

export interface StateChange {
  id: InstanceId;
  previous: InstanceState;
  current: InstanceState;
}

export async function getInstance(
  tx: Queries,
  caller: Caller,
  id: InstanceId,
): Promise<InstanceRow> {
  return (await getInstances(tx, caller, [id]))[0]!;
}

/** In the order of the ids; one error names every id that does not exist. */
export async function getInstances(
  tx: Queries,
  { accountId }: Caller,
  ids: readonly InstanceId[],
): Promise<InstanceRow[]> {
  return matchIds(INSTANCE, ids, await findInstances(tx, accountId, ids));
}

/** Refuses all when one of them does not allow it. */
function checkAllowed(instances: readonly InstanceRow[], operation: InstanceOperation): void {
  for (const instance of instances) {
    const state = viewState(instance);
    if (INSTANCE_ALLOWS[state].includes(operation)) continue;
    throw refuse(
      'incorrect-state',
      'instance',
      `The instance '${instance.id}' is not in a state from which it can be ${PAST[operation]}: it is '${state}'.`,
    );
  }
}

const PAST: Readonly<Record<InstanceOperation, string>> = {
  start: 'started',
  stop: 'stopped',
  reboot: 'rebooted',
  terminate: 'terminated',
  'attach-volume': 'given a volume',
  'modify-stopped': 'modified',
};

export async function startInstances(
  app: App,
  caller: Caller,
  change: Change,
  ids: readonly InstanceId[],
): Promise<StateChange[]> {
  const instances = await getInstances(change.tx, caller, ids);
  checkAllowed(instances, 'start');
  const starting = instances.filter(({ desiredPower }) => desiredPower !== 'running');
  const vcpus = starting.reduce((sum, one) => sum + one.vcpus, 0);
  if (vcpus > 0) await requireWithin(change.tx, caller.accountId, QUOTAS.vcpus, vcpus);
  const changes: StateChange[] = [];
  for (const instance of instances) {
    const previous = viewState(instance);
    const isStarting = instance.desiredPower === 'running';
    if (!isStarting) await startOne(app, change, instance);
    changes.push({ id: instance.id, previous, current: isStarting ? previous : 'pending' });
  }
  return changes;
}

/** Of an instance whose root disk is a volume. */
export function isRootOf(
  instance: Pick<InstanceRow, 'rootDeviceType' | 'rootDeviceName'>,
  attachment: Pick<AttachmentRow, 'deviceName'>,
): boolean {
  const { rootDeviceType, rootDeviceName } = instance;
  return rootDeviceType === 'ebs' && attachment.deviceName === rootDeviceName;
}

/** Throws for an instance without a root disk that is a volume, in EC2's words. */
export async function requireRootVolume(tx: Queries, instance: InstanceRow): Promise<void> {
  const attachments = await listAttachmentsOf(tx, instance.id);
  const attached = attachments.filter(({ desired }) => desired === 'attached');
  if (attached.some((attachment) => isRootOf(instance, attachment))) return;
  const { id, rootDeviceName } = instance;
  throw refuse(
    'invalid-parameter',
    'request',
    `Invalid value '${id}' for instanceId. Instance does not have a volume attached at root (${rootDeviceName})`,
  );
}

async function startOne(app: App, change: Change, instance: InstanceRow): Promise<void> {
  if (instance.rootDeviceType === 'ebs') await requireRootVolume(change.tx, instance);
  const nodeId = await chooseStartNode(app, change.tx, instance);
  const isElsewhere = nodeId !== instance.nodeId;
  if (isElsewhere) await leaveNode(change, instance);
  const place = isElsewhere ? placedOn(nodeId) : {};
  await setPower(change, instance, 'running', { launchedAt: change.nowMs, ...NO_REASON, ...place });
}

export async function stopInstances(
  caller: Caller,
  change: Change,
  request: { ids: readonly InstanceId[]; force: boolean },
): Promise<StateChange[]> {
  const instances = await getInstances(change.tx, caller, request.ids);
  checkAllowed(instances, 'stop');
  refuseProtected(instances, 'disableApiStop', 'stopped', 'disableApiStop');
  const changes: StateChange[] = [];
  for (const instance of instances) {
    const previous = viewState(instance);
    await leaveStopped(change.tx, instance.id);
    const isForced = request.force && instance.desiredForceStop === 0 && previous === 'stopping';
    if (instance.desiredPower === 'running' || isForced) {
      await stopOne(change, instance, request.force);
    }
    const current = previous === 'stopped' ? 'stopped' : 'stopping';
    changes.push({ id: instance.id, previous, current });
  }
  return changes;
}

function stopOne(change: Change, instance: InstanceRow, force: boolean): Promise<void> {
  return setPower(change, instance, 'stopped', {
    desiredForceStop: force ? 1 : 0,
    ...userInitiated(change.nowMs),
  });
}

export async function rebootInstances(
  caller: Caller,
  { tx, touched }: Change,
  ids: readonly InstanceId[],
): Promise<void> {
  const instances = await getInstances(tx, caller, ids);
  checkAllowed(instances, 'reboot');
  for (const instance of instances) {
    await updateInstance(tx, instance.id, {
      desiredRebootCount: instance.desiredRebootCount + 1,
      generation: instance.generation + 1,
    });
    touched.instances.add(instance.id);
  }
}

export async function terminateInstances(
  caller: Caller,
  change: Change,
  ids: readonly InstanceId[],
): Promise<StateChange[]> {
  const instances = await getInstances(change.tx, caller, ids);
  refuseProtected(instances, 'disableApiTermination', 'terminated', 'disableApiTermination');
  const changes: StateChange[] = [];
  for (const instance of instances) {
    const previous = viewState(instance);
    if (instance.desiredPower !== 'terminated') {
      await setPower(change, instance, 'terminated', userInitiated(change.nowMs));
    }
    const current = previous === 'terminated' ? 'terminated' : 'shutting-down';
    changes.push({ id: instance.id, previous, current });
  }
  return changes;
}

function refuseProtected(
  instances: readonly InstanceRow[],
  flag: 'disableApiTermination' | 'disableApiStop',
  verb: string,
  attribute: string,
): void {
  const protectedOne = instances.find(
    (instance) => instance[flag] === 1 && instance.desiredPower !== 'terminated',
  );
  if (protectedOne === undefined) return;
  throw refuse(
    'operation-not-permitted',
    'instance',
    `The instance '${protectedOne.id}' may not be ${verb}. Modify its '${attribute}' instance attribute and try again.`,
  );
}

type Reason = Pick<InstanceRow, 'stateReasonCode' | 'stateReasonMessage' | 'transitionReason'>;

export const NO_REASON: Reason = {
  stateReasonCode: null,
  stateReasonMessage: null,
  transitionReason: '',
};

export function userInitiated(nowMs: number): Reason {
  const at = new Date(nowMs).toISOString().replace('T', ' ').slice(0, 19);
  return {
    stateReasonCode: 'Client.UserInitiatedShutdown',
    stateReasonMessage: 'Client.UserInitiatedShutdown: User initiated shutdown',
    transitionReason: `User initiated (${at} GMT)`,
  };
}

/** Changes what is desired of an instance's power, and has everything that depends on it looked at. */
export async function setPower(
  { tx, touched }: Change,
  instance: InstanceRow,
  desiredPower: DesiredPower,
  values: Parameters<typeof updateInstance>[2],
): Promise<void> {
  const generation = instance.generation + 1;
  await updateInstance(tx, instance.id, {
    ...(desiredPower === 'running' ? { desiredForceStop: 0 } : {}),
    ...values,
    desiredPower,
    generation,
    powerGeneration: generation,
  });
  if (desiredPower === 'terminated') await dissociateProfile(tx, instance.id);
  touched.instances.add(instance.id);
  if (instance.nodeId === null) touched.placement = true;
  for (const { volumeId } of await listAttachmentsOf(tx, instance.id)) {
    touched.volumes.add(volumeId);
  }
}
