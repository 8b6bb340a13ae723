// Owns the steps by which a running guest gets and gives back network cards. Doing one twice is doing it once.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { effectiveNicProfile } from '../app/nic-profile.ts';
import { GuestBusyError } from './guest-busy.ts';
import { ensurePort, handleOf, type InstanceContext, recordOf } from './instance-context.ts';

/** Written down first: what the instance holds is taken back by its record, whatever the intent says by then. */
export async function plugNic(
  context: InstanceContext,
  intent: InstanceIntent,
  id: InterfaceId,
): Promise<void> {
  const port = await ensurePort(context, intent, id, { isIdle: true });
  const { macAddress, profile: asked } = intent.interfaces.find((each) => each.id === id)!;
  const profile = effectiveNicProfile(asked, port);
  const { nicProfiles } = recordOf(context, intent);
  await context.records.change(intent.id, { nicProfiles: { ...nicProfiles, [id]: profile } });
  await context.driver.attachNic(handleOf(context, intent), { id, macAddress, port, profile });
}

export async function unplugNic(
  context: InstanceContext,
  intent: InstanceIntent,
  id: InterfaceId,
): Promise<void> {
  if (await context.driver.detachNic(handleOf(context, intent), id)) return;
  throw new GuestBusyError('the guest has not let go of the network interface');
}

/** The record goes with the port: a card without one is dead. */
export async function cutNic(
  context: InstanceContext,
  intent: InstanceIntent,
  id: InterfaceId,
): Promise<void> {
  await context.driver.cutNic(handleOf(context, intent), id);
  await removePort(context, intent, id);
}

export async function removePort(
  context: InstanceContext,
  { id, interfaces }: InstanceIntent,
  interfaceId: InterfaceId,
): Promise<void> {
  await context.ports.remove(interfaceId);
  const record = context.records.find(id);
  if (record === undefined || interfaces.some((each) => each.id === interfaceId)) return;
  const { [interfaceId]: _gone, ...nicProfiles } = record.nicProfiles;
  await context.records.change(id, { nicProfiles });
}
