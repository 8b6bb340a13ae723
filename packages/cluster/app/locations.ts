// Owns where nodes are for each other, as they report it.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { NodeLocation } from '@ironbark/protocol/internal/network-messages.ts';
import { listNodes, summaryOf } from '../store/nodes.ts';
import type { ClusterContext } from './context.ts';

/** Of those that have said it. */
export async function locateNodes(context: ClusterContext): Promise<Map<NodeId, NodeLocation>> {
  const rows = await listNodes(context.database.query);
  return new Map(
    rows.flatMap((row) => {
      const { underlayAddress } = context.health.find(row.id)?.summary ?? summaryOf(row) ?? {};
      if (underlayAddress === undefined) return [];
      return [[row.id, { nodeId: row.id, underlayAddress }] as const];
    }),
  );
}
