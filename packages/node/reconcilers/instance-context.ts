// Owns what the reconciler of instances works with.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import type { GuestTargets } from '@ironbark/protocol/internal/guest-targets.ts';
import type {
  InstanceIntent,
  InterfaceIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { ConsoleLog } from '../app/console-log.ts';
import type { GuestFiles } from '../app/guest-files.ts';
import type { GuestSlots, GuestUsers } from '../app/guest-users.ts';
import type { GuestVolumes } from '../app/guest-volumes.ts';
import type { MemoryLedger } from '../app/memory.ts';
import type { Ports } from '../app/ports.ts';
import type { GuestHandle, HypervisorDriver } from '../drivers/hypervisor-driver.ts';
import type { GateOptions } from '../host/target-watch.ts';
import type { IntentStore } from '../store/intent.ts';
import type { InstanceRecord, RecordStore } from '../store/records.ts';

export interface InstanceContext extends GateOptions {
  dataDir: string;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  aroundStep: AroundStep;
  driver: HypervisorDriver;
  intents: IntentStore;
  records: RecordStore;
  files: GuestFiles;
  ports: Ports;
  users: GuestUsers;
  slots: GuestSlots;
  memory: MemoryLedger;
  console: ConsoleLog;
  guestVolumes: GuestVolumes;
  /** Absent: this node's guests drive no volumes. */
  guestTargets?: GuestTargets;
}

export function recordOf(context: InstanceContext, intent: InstanceIntent): InstanceRecord {
  const record = context.records.find(intent.id);
  if (record === undefined) throw new Error(`${intent.id} has no record`);
  return record;
}

export function handleOf(context: InstanceContext, intent: InstanceIntent): GuestHandle {
  const { handle } = recordOf(context, intent);
  if (handle === undefined) throw new Error(`${intent.id} has no guest`);
  return handle;
}

export function uidOf(context: InstanceContext, intent: InstanceIntent): number | undefined {
  return context.users.uidOf(recordOf(context, intent).slot);
}

export function primaryInterface({ id, interfaces }: InstanceIntent): InterfaceIntent {
  const first = interfaces.toSorted((a, b) => a.deviceIndex - b.deviceIndex)[0];
  if (first === undefined) throw new Error(`${id} has no interface`);
  return first;
}

export function ensurePort(
  context: InstanceContext,
  intent: InstanceIntent,
  interfaceId: InterfaceId,
  { isIdle = false } = {},
) {
  const nic = intent.interfaces.find(({ id }) => id === interfaceId);
  if (nic === undefined) throw new Error(`${intent.id} has no interface ${interfaceId}`);
  const { guestVolumes = {} } = context.records.find(intent.id) ?? {};
  const isPrimary = nic.id === primaryInterface(intent).id;
  const own = isPrimary ? Object.values(guestVolumes) : [];
  return context.ports.ensure(intent, nic, {
    uid: uidOf(context, intent),
    isIdle,
    carriesStorage: own.some(({ nbd }) => nbd === undefined),
    reachesNbd: own.some(({ nbd }) => nbd !== undefined),
  });
}
