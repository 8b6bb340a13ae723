// Owns telling the zone what has changed of VPCs, whether an instance waits for it or not.

import type { VpcId } from '@ironbark/core/ids.ts';
import type { ReconcileResult, Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { findVpc, listVpcGenerations } from '../store/networks.ts';
import { listVpcsGone } from '../store/vpcs.ts';
import type { VpcSender } from './vpc-sender.ts';

export function createVpcIntent(app: App, sender: VpcSender): Reconciler {
  return {
    name: 'vpc-intent',
    listKeys: async () => {
      const rows = await listVpcGenerations(app.store.query);
      const gone = await listVpcsGone(app.store.query);
      const due = rows.filter(({ id, generation }) => !sender.isSent(id, generation));
      return [...gone, ...due.map(({ id }) => id)];
    },
    reconcile: (key) => send(app, sender, key as VpcId),
  };
}

async function send(app: App, sender: VpcSender, id: VpcId): Promise<ReconcileResult> {
  if ((await findVpc(app.store.query, id)) === undefined) {
    await sender.forget(id);
    return SETTLED;
  }
  const waitMs = await sender.ensureSent(id, id);
  return waitMs === 0 ? SETTLED : { kind: 'again', afterMs: waitMs };
}
