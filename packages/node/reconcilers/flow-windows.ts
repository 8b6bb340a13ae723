// Owns when what was counted of flows is read: at every full minute, the longest that EC2 aggregates on its newer hosts.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { FlowWindows } from '../app/flow-windows.ts';
import type { HostNetwork } from '../host/host-network.ts';

const MINUTE_MS = 60_000;

export function createFlowReconciler(
  clock: Clock,
  network: Pick<HostNetwork, 'takeFlows'>,
  windows: FlowWindows,
): Reconciler {
  let lastMinute = Math.floor(clock.nowMs() / MINUTE_MS);
  return {
    name: 'flow-windows',
    listKeys: async () => ['all'],
    reconcile: async () => {
      const nowMs = clock.nowMs();
      const minute = Math.floor(nowMs / MINUTE_MS);
      if (minute !== lastMinute) windows.add(await network.takeFlows());
      lastMinute = minute;
      return { kind: 'again', afterMs: (minute + 1) * MINUTE_MS - nowMs };
    },
  };
}
