// Owns the reconciler of the node's network: subnets as the intent wants them, and no ports without an instance.

import type { AroundStep, Reconciler } from '@ironbark/platform/reconciler.ts';
import type { Ports } from '../app/ports.ts';

/** The address service of a subnet is a process that may be killed, and nobody tells. */
const LOOK_AGAIN_MS = 10_000;
/** The only key. */
export const WHOLE_NETWORK = 'network';

export function createNetworkReconciler(ports: Ports, aroundStep: AroundStep): Reconciler {
  return {
    name: 'network',
    listKeys: async () => [WHOLE_NETWORK],
    reconcile: async () => {
      await aroundStep('network/ensure-subnets', () => ports.repairSubnets());
      await aroundStep('network/refresh-ports', () => ports.refresh());
      return { kind: 'again', afterMs: LOOK_AGAIN_MS };
    },
  };
}
