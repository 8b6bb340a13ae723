// Owns the end of an instance: addresses and volumes are given back, then the zone drops it.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { ReconcileResult, Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import { findInstance, listUnforgottenIds, updateInstance } from '../store/instances.ts';
import { deleteInterfacesOf } from '../store/network-interfaces.ts';
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

export function createInstanceTermination(app: App): Reconciler {
  return {
    name: 'instance-termination',
    listKeys: () => listUnforgottenIds(app.store.query),
    reconcile: (key) => terminate(app, key as InstanceId),
  };
}

async function terminate(app: App, id: InstanceId): Promise<ReconcileResult> {
  const instance = await findInstance(app.store.query, id);
  if (instance === undefined) return SETTLED;
  const step = planTermination(instance);
  if (step === 'none') return SETTLED;
  if (step === 'release') {
    await release(app, id);
    return { kind: 'again', afterMs: 0 };
  }
  if (instance.nodeId !== null) await app.cluster.forgetInstances([id]);
  await change(app, ({ tx, nowMs }) => updateInstance(tx, id, { forgottenAt: nowMs }));
  return SETTLED;
}

/** A terminated instance has no address any more; its volumes are let go by their attachments. */
function release(app: App, id: InstanceId): Promise<void> {
  return change(app, async ({ tx, nowMs, touched }) => {
    await deleteInterfacesOf(tx, id);
    await updateInstance(tx, id, { terminatedAt: nowMs });
    for (const { volumeId } of await listAttachmentsOf(tx, id)) touched.volumes.add(volumeId);
    // What it held may be what others wait for.
    touched.placement = true;
  });
}
