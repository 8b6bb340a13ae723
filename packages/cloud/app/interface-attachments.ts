// Owns how network interfaces come to instances and go from them.
//
//   available -> attaching -> attached -> detaching -> available
//
// `attaching` and `detaching` end when the instance's node has said so of an intent that is as new as the change.

import type { InstanceId, InterfaceId, ResourceId } from '@ironbark/core/ids.ts';
import { INSTANCE_ALLOWS } from '@ironbark/core/states.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { InstanceObservation } from '@ironbark/protocol/internal/instance-messages.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import { findInstance, raiseGeneration } from '../store/instances.ts';
import {
  listInterfacesAttachedAs,
  listInterfacesOf,
  updateInterface,
} from '../store/network-interfaces.ts';
import type { InstanceRow, InterfaceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import { checkSlots } from './attachments.ts';
import type { Caller, Change } from './change.ts';
import { parseObservation } from './instance-outcome.ts';
import { findInstanceType } from './instance-types.ts';
import { viewState } from './instance-view.ts';
import { getInstance } from './instances.ts';
import { eraseInterface, getOwnInterface } from './network-interfaces.ts';
import { letGoAutomatic } from './public-addresses.ts';
import { invalidCombination, invalidValue, refuse } from './refusals.ts';
import { touchPorts } from './vpc-changes.ts';

export type AttachmentId = ResourceId<'eni-attach'>;

/** A guest has a PCI slot for each, beside its disks; EC2's largest types have 15. */
export const MAX_DEVICE_INDEX = 15;

export interface AttachWish {
  interfaceId: InterfaceId;
  instanceId: InstanceId;
  deviceIndex: number;
}

export async function attachInterface(
  app: App,
  caller: Caller,
  change: Change,
  { interfaceId, instanceId, deviceIndex }: AttachWish,
): Promise<AttachmentId> {
  const { tx } = change;
  const row = await getOwnInterface(tx, caller.accountId, interfaceId);
  const instance = await getInstance(tx, caller, instanceId);
  requireFree(row);
  checkPlaces(row, instance);
  checkState(instance, 'attached to');
  checkDeviceIndex(deviceIndex);
  const others = await listInterfacesOf(tx, instanceId);
  if (others.some((other) => other.deviceIndex === deviceIndex)) {
    throw invalidValue(
      'deviceIndex',
      deviceIndex,
      `Instance '${instanceId}' already has an interface attached at device index '${deviceIndex}'.`,
    );
  }
  checkInterfaceCount(instance.instanceType, others.length + 1);
  checkSlots(others.length + 1 + (await listAttachmentsOf(tx, instanceId)).length);
  const attachmentId = newId(app.random, 'eni-attach');
  await updateInterface(tx, row.id, {
    ...{ instanceId, deviceIndex, attachmentId, attachedAt: change.nowMs, deleteOnTermination: 0 },
    attachState: 'attaching',
    attachGeneration: await tell(change, instanceId),
  });
  await touchPorts(change, row.vpcId, [row.id]);
  return attachmentId;
}

export function requireFree({ id, instanceId }: InterfaceRow): void {
  if (instanceId === '') return;
  throw refuse('already-attached', 'network-interface', `Interface: [${id}] in use.`);
}

function checkPlaces(row: InterfaceRow, instance: InstanceRow): void {
  if (row.zone !== instance.zone) {
    throw invalidCombination(
      'You may not attach a network interface to an instance if they are not in the same availability zone',
    );
  }
  if (row.vpcId === instance.vpcId) return;
  throw invalidCombination(
    `The network interface '${row.id}' is in ${row.vpcId} and the instance '${instance.id}' in ${instance.vpcId}: this cloud keeps the interfaces of an instance in one VPC.`,
  );
}

function checkState(instance: InstanceRow, what: string): void {
  const state = viewState(instance);
  if (INSTANCE_ALLOWS[state].includes('attach-volume')) return;
  throw refuse(
    'incorrect-state',
    'instance',
    `Instance '${instance.id}' is '${state}'; network interfaces can be ${what} it while it is 'running' or 'stopped'.`,
  );
}

export function checkDeviceIndex(index: number): void {
  if (Number.isInteger(index) && index >= 0 && index <= MAX_DEVICE_INDEX) return;
  throw invalidValue('deviceIndex', index, `It is 0 to ${MAX_DEVICE_INDEX}.`);
}

export function checkInterfaceCount(typeName: string, count: number): void {
  const { maxInterfaces = 1 } = findInstanceType(typeName) ?? {};
  if (count <= maxInterfaces) return;
  throw refuse(
    'limit-exceeded',
    'attachment',
    `Interface count ${count} exceeds the limit for ${typeName}`,
  );
}

async function tell({ tx, touched }: Change, id: InstanceId): Promise<number> {
  touched.instances.add(id);
  return raiseGeneration(tx, id);
}

export async function findAttached(
  tx: Queries,
  { accountId }: Caller,
  id: AttachmentId,
): Promise<InterfaceRow> {
  const [row] = await listInterfacesAttachedAs(tx, accountId, [id]);
  if (row !== undefined) return row;
  throw refuse(
    'not-found',
    'interface-attachment',
    `The interface attachment '${id}' does not exist.`,
  );
}

export async function detachInterface(
  caller: Caller,
  change: Change,
  { id, isForced }: { id: AttachmentId; isForced: boolean },
): Promise<void> {
  const { tx } = change;
  const row = await findAttached(tx, caller, id);
  if (row.deviceIndex === 0) {
    throw refuse(
      'operation-not-permitted',
      'network-interface',
      'The network interface at device index 0 and networkCard index 0 cannot be detached.',
    );
  }
  const instance = await getInstance(tx, caller, row.instanceId as InstanceId);
  if (instance.desiredPower === 'terminated') checkState(instance, 'detached from');
  if (row.attachState === 'detaching' && (!isForced || row.detachForced === 1)) return;
  const attachGeneration = await tell(change, instance.id);
  // Whoever asks for it back gets it, also when the instance ends first.
  const kept = { attachState: 'detaching', deleteOnTermination: 0 } as const;
  const detachForced = isForced ? 1 : 0;
  await updateInterface(tx, row.id, { ...kept, detachForced, attachGeneration });
  await touchPorts(change, row.vpcId, [row.id]);
}

export type AttachmentStep = 'none' | 'mark-attached' | 'let-go';

/** Pure: what has become true of an attachment by what the instance's node says. */
export function planAttachment(
  row: Pick<InterfaceRow, 'id' | 'attachState' | 'attachGeneration'>,
  instance: Pick<InstanceRow, 'nodeId'>,
  observation: Pick<InstanceObservation, 'heardGeneration' | 'interfaces'> | undefined,
): AttachmentStep {
  if (row.attachState === 'attached') return 'none';
  const step = row.attachState === 'attaching' ? 'mark-attached' : 'let-go';
  if (instance.nodeId === null) return step;
  // What an earlier version wrote has no such number, and says nothing of cards.
  if (observation === undefined || !(observation.heardGeneration >= row.attachGeneration)) {
    return 'none';
  }
  const state = observation.interfaces.find(({ id }) => id === row.id)?.state;
  return state === (step === 'let-go' ? undefined : 'attached') ? step : 'none';
}

/** Notes what the instance's node has done. */
export async function followInterfaces(change: Change, id: InstanceId): Promise<void> {
  const instance = await findInstance(change.tx, id);
  if (instance === undefined) return;
  const observation = parseObservation(instance);
  for (const row of await listInterfacesOf(change.tx, id)) {
    const step = planAttachment(row, instance, observation);
    if (step === 'mark-attached') {
      await updateInterface(change.tx, row.id, { attachState: 'attached' });
    } else if (step === 'let-go') await letGoOfInterface(change, row);
  }
}

/** It is of no instance from now on. */
async function letGoOfInterface(change: Change, row: InterfaceRow): Promise<void> {
  await letGoAutomatic(change, row.id);
  await updateInterface(change.tx, row.id, { ...FREE });
  await touchPorts(change, row.vpcId, [row.id]);
}

const FREE = {
  instanceId: '',
  attachmentId: '',
  deviceIndex: 0,
  attachedAt: null,
  attachState: 'attached',
  attachGeneration: 0,
  detachForced: 0,
} as const;

/** At the end of its instance. */
export async function endAttachment(change: Change, row: InterfaceRow): Promise<void> {
  if (row.deleteOnTermination === 1) await eraseInterface(change, row);
  else await letGoOfInterface(change, row);
}
