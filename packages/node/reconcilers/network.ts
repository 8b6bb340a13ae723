// Owns the reconciler of the node's network: subnets as the intent wants them, and no ports without an instance.

import { type AroundStep, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { Ports } from '../app/ports.ts';

/** The only key. */
export const WHOLE_NETWORK = 'network';

export function createNetworkReconciler(ports: Ports, aroundStep: AroundStep): Reconciler {
  return {
    name: 'network',
    listKeys: async () => [WHOLE_NETWORK],
    reconcile: async () => {
      await aroundStep('network/ensure-subnets', () => ports.ensureSubnets());
      await aroundStep('network/refresh-ports', () => ports.refresh());
      return SETTLED;
    },
  };
}
