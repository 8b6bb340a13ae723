// Owns taking in VPCs: which nodes hear of one, and which have no use for it.

import type { NodeId, VpcId } from '@ironbark/core/ids.ts';
import type { ZoneVpc } from '@ironbark/protocol/internal/cluster-client.ts';
import type { VpcChange } from '@ironbark/protocol/internal/vpc-changes.ts';
import type { Kysely } from 'kysely';
import { bumpIntents, listNodes, type NodeRow, summaryOf } from '../store/nodes.ts';
import type { ClusterSchema } from '../store/schema.ts';
import { changeVpc, deleteVpcs, findHead, listNodesOf, putVpc } from '../store/vpcs.ts';
import type { ClusterContext } from './context.ts';

/** Resolves once they are on stable storage; the nodes that have ports of them hear right after. */
export async function putVpcs(context: ClusterContext, vpcs: readonly ZoneVpc[]): Promise<void> {
  const changed = await context.database.transaction(async (tx) => {
    const touched = await touching(context, tx);
    for (const vpc of vpcs) {
      const { id } = vpc.intent;
      const known = await findHead(tx, id);
      if (known !== undefined && known.generation >= vpc.generation) continue;
      await touched.around(id, async () => {
        await putVpc(tx, vpc);
        return true;
      });
    }
    return touched.bump();
  });
  for (const id of changed) context.pokeIntent(id);
}

/** The same of what has changed of them. Answers those of which another generation is known: whole ones are needed. */
export async function changeVpcs(
  context: ClusterContext,
  changes: readonly VpcChange[],
): Promise<VpcId[]> {
  const gaps: VpcId[] = [];
  const nowMs = context.clock.nowMs();
  const changed = await context.database.transaction(async (tx) => {
    const touched = await touching(context, tx);
    for (const change of changes) {
      const { id } = change.frame;
      await touched.around(id, async () => {
        const outcome = await changeVpc(tx, change, nowMs);
        if (outcome === 'gap') gaps.push(id);
        return outcome === 'changed';
      });
    }
    return touched.bump();
  });
  for (const id of changed) context.pokeIntent(id);
  return gaps;
}

/** The last document that came may have ports still: those without them need not have come. */
export async function forgetVpcs(context: ClusterContext, ids: readonly VpcId[]): Promise<void> {
  const changed = await context.database.transaction(async (tx) => {
    const touched = await touching(context, tx);
    touched.add(await deleteVpcs(tx, ids));
    return touched.bump();
  });
  for (const id of changed) context.pokeIntent(id);
}

/** Of the nodes that build VPCs, those that have to hear; where none does, nobody is looked for. */
async function touching(context: ClusterContext, tx: Kysely<ClusterSchema>) {
  const rows = (await listNodes(tx)).filter((row) => buildsVpcs(context, row));
  const building = new Map(rows.map((row) => [row.id, row]));
  const touched = new Set<NodeId>();
  const add = (ids: Iterable<NodeId>) => {
    for (const id of ids) if (building.has(id)) touched.add(id);
  };
  const nodesOf = (id: VpcId) => (building.size === 0 ? [] : listNodesOf(tx, id));
  return {
    add,
    /** Those that have a port of the VPC before or after `work`, where that says that it has changed something. */
    around: async (id: VpcId, work: () => Promise<boolean>): Promise<void> => {
      const before = await nodesOf(id);
      if (!(await work())) return;
      add(before);
      add(await nodesOf(id));
    },
    bump: async (): Promise<NodeId[]> => {
      const ids = [...touched];
      // One without a document yet gets all of it with its first instance.
      const told = ids.filter((id) => building.get(id)!.intent_generation > 0);
      await bumpIntents(tx, context.clock.nowMs(), told);
      return ids;
    },
  };
}

/** In user mode and in memory there is nothing to build, however many ports the others have. */
export function buildsVpcs(context: ClusterContext, row: NodeRow): boolean {
  const summary = context.health.find(row.id)?.summary ?? summaryOf(row);
  return summary?.network === 'bridge';
}
