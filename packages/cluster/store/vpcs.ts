// Owns the rows of VPCs, and those that were read before in memory: a zone's nodes share them.

import type { NodeId, VpcId } from '@ironbark/core/ids.ts';
import type { ZoneVpc } from '@ironbark/protocol/internal/cluster-client.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import type { Kysely } from 'kysely';
import type { ClusterSchema } from './schema.ts';

type Queries = Kysely<ClusterSchema>;

export interface KnownVpc {
  generation: number;
  intent: VpcIntent;
  /** Those that have a port of it. */
  nodeIds: ReadonlySet<NodeId>;
}

/** Undefined where it is no news; else the nodes that it was on. */
export async function putVpc(
  db: Queries,
  { generation, intent }: ZoneVpc,
): Promise<ReadonlySet<NodeId> | undefined> {
  const known = await findVpc(db, intent.id);
  if (known !== undefined && known.generation >= generation) return undefined;
  const row = { id: intent.id, generation, intent: JSON.stringify(intent) };
  await db
    .insertInto('vpc')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  return known === undefined ? new Set() : nodesOf(known.intent);
}

/** Answers the nodes that they were on. */
export async function deleteVpcs(db: Queries, ids: readonly VpcId[]): Promise<Set<NodeId>> {
  const nodes = new Set<NodeId>();
  for (const id of ids) {
    const known = await findVpc(db, id);
    if (known === undefined) continue;
    for (const nodeId of nodesOf(known.intent)) nodes.add(nodeId);
    await db.deleteFrom('vpc').where('id', '=', id).execute();
  }
  return nodes;
}

async function findVpc(db: Queries, id: VpcId): Promise<ZoneVpc | undefined> {
  const row = await db.selectFrom('vpc').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return undefined;
  return { generation: row.generation, intent: JSON.parse(row.intent) as VpcIntent };
}

export function nodesOf({ ports }: VpcIntent): Set<NodeId> {
  return new Set(ports.flatMap(({ nodeId }) => (nodeId === undefined ? [] : [nodeId])));
}

/** A document of a thousand ports is read once for all nodes, and again when it has changed. */
export class VpcReader {
  readonly #known = new Map<VpcId, KnownVpc>();

  async listOn(db: Queries, nodeId: NodeId): Promise<KnownVpc[]> {
    const rows = await db.selectFrom('vpc').select(['id', 'generation']).orderBy('id').execute();
    const current = new Set(rows.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!current.has(id)) this.#known.delete(id);
    const found: KnownVpc[] = [];
    for (const { id, generation } of rows) {
      const known = await this.#read(db, id, generation);
      if (known?.nodeIds.has(nodeId)) found.push(known);
    }
    return found;
  }

  async #read(db: Queries, id: VpcId, generation: number): Promise<KnownVpc | undefined> {
    const known = this.#known.get(id);
    if (known?.generation === generation) return known;
    const found = await findVpc(db, id);
    if (found === undefined) return undefined;
    const read = { ...found, nodeIds: nodesOf(found.intent) };
    this.#known.set(id, read);
    return read;
  }
}
