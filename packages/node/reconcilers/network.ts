// Owns the reconciler of the node's network: subnets as the intent wants them, and no ports without an instance.

import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { Ports } from '../app/ports.ts';

/** The only key. */
export const WHOLE_NETWORK = 'network';

export function createNetworkReconciler(ports: Ports): Reconciler {
  return {
    name: 'network',
    listKeys: async () => [WHOLE_NETWORK],
    reconcile: async () => {
      await ports.repairSubnets();
      await ports.refresh();
      return SETTLED;
    },
  };
}
