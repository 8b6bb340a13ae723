// Owns the end of an instance: addresses and volumes are given back, then the zone drops it.

import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import { endAttachment } from '../app/interface-attachments.ts';
import { touchVpc } from '../app/vpc-changes.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import { updateInstance } from '../store/instances.ts';
import { listInterfacesOf } from '../store/network-interfaces.ts';
import type { InstanceRow } from '../store/schema.ts';

export type TerminationStep = 'none' | 'release' | 'forget';

export function planTermination(
  instance: Pick<
    InstanceRow,
    'desiredPower' | 'nodeId' | 'observedPower' | 'terminatedAt' | 'forgottenAt'
  >,
): TerminationStep {
  if (instance.desiredPower !== 'terminated' || instance.forgottenAt !== null) return 'none';
  if (instance.terminatedAt !== null) return 'forget';
  const isOver = instance.nodeId === null || instance.observedPower === 'terminated';
  return isOver ? 'release' : 'none';
}

/**
 * Takes the next step of an instance's end; false when there is none. It runs in the same reconciler that sends
 * intents: sent while the zone drops it, an intent would bring a dropped instance back.
 */
export async function stepTermination(app: App, instance: InstanceRow): Promise<boolean> {
  const step = planTermination(instance);
  if (step === 'none') return false;
  const take = step === 'release' ? release : forget;
  await app.aroundStep(`instance-termination/${step}`, () => take(app, instance));
  return true;
}

/** A terminated instance has no address any more; its volumes are let go by their attachments. */
function release(app: App, { id, vpcId }: InstanceRow): Promise<void> {
  return change(app, async (inside) => {
    const { tx, nowMs, touched } = inside;
    for (const row of await listInterfacesOf(tx, id)) await endAttachment(inside, row);
    await touchVpc(inside, vpcId);
    await updateInstance(tx, id, { terminatedAt: nowMs });
    for (const { volumeId } of await listAttachmentsOf(tx, id)) touched.volumes.add(volumeId);
    // What it held may be what others wait for.
    touched.placement = true;
  });
}

/** The zone may know one without a node by the one that it was on before. */
async function forget(app: App, { id }: InstanceRow): Promise<void> {
  await app.cluster.forgetInstances([id]);
  await change(app, ({ tx, nowMs }) => updateInstance(tx, id, { forgottenAt: nowMs }));
}
