// Owns the answer to guests that end unasked: by their own shutdown, or because they could not be started.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import { applyOutcome, planOutcome } from '../app/instance-outcome.ts';
import { findInstance, listUnsettledIds } from '../store/instances.ts';

export function createInstanceOutcome(app: App): Reconciler {
  return {
    name: 'instance-outcome',
    listKeys: () => listUnsettledIds(app.store.query),
    reconcile: async (key) => {
      const id = key as InstanceId;
      const before = await findInstance(app.store.query, id);
      const kind = before === undefined ? 'none' : planOutcome(before).kind;
      if (kind !== 'none') await app.aroundStep(`instance-outcome/${kind}`, () => apply(app, id));
      return SETTLED;
    },
  };
}

function apply(app: App, id: InstanceId): Promise<void> {
  return change(app, async (inside) => {
    const instance = await findInstance(inside.tx, id);
    if (instance !== undefined) await applyOutcome(inside, instance, planOutcome(instance));
  });
}
