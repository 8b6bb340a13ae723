// Owns taking in VPCs: which nodes hear of one, and which have no use for it.

import type { NodeId, VpcId } from '@ironbark/core/ids.ts';
import type { ZoneVpc } from '@ironbark/protocol/internal/cluster-client.ts';
import type { Kysely } from 'kysely';
import { bumpIntents, listNodes, type NodeRow, summaryOf } from '../store/nodes.ts';
import type { ClusterSchema } from '../store/schema.ts';
import { deleteVpcs, nodesOf, putVpc } from '../store/vpcs.ts';
import type { ClusterContext } from './context.ts';

/** Resolves once they are on stable storage; the nodes that have ports of them hear right after. */
export async function putVpcs(context: ClusterContext, vpcs: readonly ZoneVpc[]): Promise<void> {
  const changed = await context.database.transaction(async (tx) => {
    const touched = new Set<NodeId>();
    for (const vpc of vpcs) {
      const before = await putVpc(tx, vpc);
      if (before === undefined) continue;
      for (const id of [...before, ...nodesOf(vpc.intent)]) touched.add(id);
    }
    return bumpBuilding(context, tx, touched);
  });
  for (const id of changed) context.pokeIntent(id);
}

/** The last document that came may have ports still: those without them need not have come. */
export async function forgetVpcs(context: ClusterContext, ids: readonly VpcId[]): Promise<void> {
  const changed = await context.database.transaction(async (tx) =>
    bumpBuilding(context, tx, await deleteVpcs(tx, ids)),
  );
  for (const id of changed) context.pokeIntent(id);
}

/** Answers those of the nodes that build VPCs; their documents have a new generation. */
async function bumpBuilding(
  context: ClusterContext,
  tx: Kysely<ClusterSchema>,
  touched: ReadonlySet<NodeId>,
): Promise<NodeId[]> {
  if (touched.size === 0) return [];
  const known = (await listNodes(tx)).filter((row) => touched.has(row.id));
  const building = known.filter((row) => buildsVpcs(context, row)).map(({ id }) => id);
  // One without a document yet gets all of it with its first instance.
  const told = known.filter((row) => row.intent_generation > 0 && building.includes(row.id));
  await bumpIntents(
    tx,
    context.clock.nowMs(),
    told.map(({ id }) => id),
  );
  return building;
}

/** In user mode and in memory there is nothing to build, however many ports the others have. */
export function buildsVpcs(context: ClusterContext, row: NodeRow): boolean {
  const summary = context.health.find(row.id)?.summary ?? summaryOf(row);
  return summary?.network === 'bridge';
}
