// Owns the rows of VPCs, a row for each port, so that a change of one is no more than that. Those that were read before
// are kept in memory: a zone's nodes share them.

import type { InterfaceId, NodeId, VpcId } from '@ironbark/core/ids.ts';
import type { PortIntent } from '@ironbark/protocol/internal/network-messages.ts';
import {
  applyVpcChange,
  type VersionedVpc,
  type VpcChange,
  type VpcFrame,
} from '@ironbark/protocol/internal/vpc-changes.ts';
import type { Kysely } from 'kysely';
import type { ClusterSchema } from './schema.ts';

type Queries = Kysely<ClusterSchema>;

/** Five columns each; databases limit the parameters of a statement. */
const ROWS_AT_ONCE = 200;
/**
 * That a port is gone is kept for this long, and with it what changes are counted from. Generations are no less than the time
 * in milliseconds at which they were made.
 */
const GONE_KEPT_MS = 3_600_000;

export interface KnownVpc extends VersionedVpc {
  /** Those that have a port of it. */
  nodeIds: ReadonlySet<NodeId>;
}

interface Head {
  generation: number;
  frame: VpcFrame;
}

export async function findHead(db: Queries, id: VpcId): Promise<Head | undefined> {
  const row = await db.selectFrom('vpc').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return undefined;
  return { generation: row.generation, frame: JSON.parse(row.intent) as VpcFrame };
}

/** Takes the whole document in the place of an older one. */
export async function putVpc(db: Queries, { generation, intent }: VersionedVpc): Promise<void> {
  const { ports, ...frame } = intent;
  const rows = await listPortsSince(db, frame.id);
  const known = new Map(rows.map((row) => [row.interface_id, row.port]));
  const changed = ports.filter((port) => {
    const before = known.get(port.interfaceId);
    known.delete(port.interfaceId);
    return before !== JSON.stringify(port);
  });
  const left = [...known].filter(([, port]) => port !== null).map(([id]) => id);
  await write(db, { since: 0, generation, frame, ports: changed, gone: left });
}

/** `gap`: another generation is known than the one that the change counts from. */
export async function changeVpc(
  db: Queries,
  change: VpcChange,
  nowMs: number,
): Promise<'changed' | 'known' | 'gap'> {
  const { frame, since, generation } = change;
  const known = await db
    .selectFrom('vpc')
    .select('generation')
    .where('id', '=', frame.id)
    .executeTakeFirst();
  if (known !== undefined && known.generation >= generation) return 'known';
  if (known?.generation !== since) return 'gap';
  await write(db, change);
  await db
    .deleteFrom('vpc_port')
    .where('vpc_id', '=', frame.id)
    .where('port', 'is', null)
    .where('generation', '<', nowMs - GONE_KEPT_MS)
    .execute();
  return 'changed';
}

async function write(db: Queries, change: VpcChange): Promise<void> {
  const { frame, generation, ports, gone } = change;
  const { id } = frame;
  const head = { id, generation, intent: JSON.stringify(frame) };
  await db
    .insertInto('vpc')
    .values(head)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(head))
    .execute();
  const place = { vpc_id: id, generation };
  const rows = [
    ...gone.map((interface_id) => ({ ...place, interface_id, node_id: null, port: null })),
    ...ports.map((port) => ({
      ...{ ...place, interface_id: port.interfaceId, node_id: port.nodeId ?? null },
      port: JSON.stringify(port),
    })),
  ];
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    await db
      .insertInto('vpc_port')
      .values(rows.slice(at, at + ROWS_AT_ONCE))
      .onConflict((conflict) =>
        conflict.columns(['vpc_id', 'interface_id']).doUpdateSet((eb) => ({
          node_id: eb.ref('excluded.node_id'),
          generation: eb.ref('excluded.generation'),
          port: eb.ref('excluded.port'),
        })),
      )
      .execute();
  }
}

/** Answers the nodes that they were on. */
export async function deleteVpcs(db: Queries, ids: readonly VpcId[]): Promise<Set<NodeId>> {
  const nodes = new Set<NodeId>();
  for (const id of ids) {
    for (const nodeId of await listNodesOf(db, id)) nodes.add(nodeId);
    await db.deleteFrom('vpc_port').where('vpc_id', '=', id).execute();
    await db.deleteFrom('vpc').where('id', '=', id).execute();
  }
  return nodes;
}

/**
 * Of the zone's nodes those that are told of it: with a port of it, or of one that it is peered with. A look-up for each,
 * however many ports there are.
 */
export async function listNodesOf(db: Queries, id: VpcId): Promise<NodeId[]> {
  const { peers = [] } = (await findHead(db, id))?.frame ?? {};
  const rows = await db
    .selectFrom('node')
    .select('node.id')
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('vpc_port')
          .select('vpc_port.vpc_id')
          .where('vpc_port.vpc_id', 'in', [id, ...peers])
          .whereRef('vpc_port.node_id', '=', 'node.id'),
      ),
    )
    .execute();
  return rows.map((row) => row.id);
}

/** Newer than that, or all. */
function listPortsSince(db: Queries, id: VpcId, since = -1) {
  return db
    .selectFrom('vpc_port')
    .select(['interface_id', 'port'])
    .where('vpc_id', '=', id)
    .where('generation', '>', since)
    .orderBy('interface_id')
    .execute();
}

/** Undefined where it is not known any more what has gone since. */
async function readChange(
  db: Queries,
  { generation, frame }: Head,
  since: number,
  nowMs: number,
): Promise<VpcChange | undefined> {
  if (since < nowMs - GONE_KEPT_MS && since !== generation) return undefined;
  const ports: PortIntent[] = [];
  const gone: InterfaceId[] = [];
  for (const { interface_id: id, port } of await listPortsSince(db, frame.id, since)) {
    if (port === null) gone.push(id);
    else ports.push(JSON.parse(port) as PortIntent);
  }
  return { since, generation, frame, ports, gone };
}

/** Under way: after a restart all nodes ask for the same at once. */
interface Reading {
  generation: number;
  read: Promise<KnownVpc | undefined>;
}

/** A document of a thousand ports is read once for all nodes, and of a change that much again. */
export class VpcReader {
  readonly #known = new Map<VpcId, KnownVpc>();
  readonly #reading = new Map<VpcId, Reading>();
  /** By node, what it has taken since this process began. */
  readonly #handed = new Map<NodeId, ReadonlyMap<VpcId, number>>();

  /** Those that have a port on the node, and those that these are peered with. */
  async listOn(db: Queries, nodeId: NodeId, nowMs: number): Promise<KnownVpc[]> {
    const rows = await db.selectFrom('vpc').select(['id', 'generation']).orderBy('id').execute();
    const current = new Set(rows.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!current.has(id)) this.#known.delete(id);
    const all = new Map<VpcId, KnownVpc>();
    for (const { id, generation } of rows) {
      const known = await this.#read(db, { id, generation }, nowMs);
      if (known !== undefined) all.set(id, known);
    }
    const hasPort = (id: VpcId) => all.get(id)?.nodeIds.has(nodeId) === true;
    const isTold = ({ intent }: KnownVpc) => [intent.id, ...(intent.peers ?? [])].some(hasPort);
    return [...all.values()].filter(isTold);
  }

  /** What has changed of it for a node; undefined where that needs all of it. */
  async changeFor(
    db: Queries,
    nodeId: NodeId,
    { generation, intent }: KnownVpc,
    nowMs: number,
  ): Promise<VpcChange | undefined> {
    const since = this.#handed.get(nodeId)?.get(intent.id);
    if (since === undefined || since > generation) return undefined;
    const { ports: _, ...frame } = intent;
    return readChange(db, { generation, frame }, since, nowMs);
  }

  /** The node has these VPCs now, and no others. */
  noteHanded(nodeId: NodeId, vpcs: readonly { id: VpcId; generation: number }[]): void {
    this.#handed.set(nodeId, new Map(vpcs.map(({ id, generation }) => [id, generation])));
  }

  /** Nobody knows what it has. */
  forgetHanded(nodeId: NodeId): void {
    this.#handed.delete(nodeId);
  }

  async #read(
    db: Queries,
    { id, generation }: { id: VpcId; generation: number },
    nowMs: number,
  ): Promise<KnownVpc | undefined> {
    const known = this.#known.get(id);
    if (known?.generation === generation) return known;
    const under = this.#reading.get(id);
    if (under?.generation === generation) return under.read;
    const reading = { generation, read: this.#readAnew(db, id, nowMs) };
    this.#reading.set(id, reading);
    try {
      return await reading.read;
    } finally {
      if (this.#reading.get(id) === reading) this.#reading.delete(id);
    }
  }

  async #readAnew(db: Queries, id: VpcId, nowMs: number): Promise<KnownVpc | undefined> {
    const known = this.#known.get(id);
    const head = await findHead(db, id);
    if (head === undefined) return undefined;
    const change =
      known === undefined ? undefined : await readChange(db, head, known.generation, nowMs);
    const ports = change === undefined ? await listPorts(db, id) : [];
    const intent =
      known === undefined || change === undefined
        ? { ...head.frame, ports }
        : applyVpcChange(known.intent, change);
    const nodeIds = new Set(intent.ports.flatMap(({ nodeId }) => nodeId ?? []));
    const read = { generation: head.generation, intent, nodeIds };
    this.#known.set(id, read);
    return read;
  }
}

async function listPorts(db: Queries, id: VpcId): Promise<PortIntent[]> {
  const rows = await listPortsSince(db, id);
  return rows.flatMap(({ port }) => (port === null ? [] : [JSON.parse(port) as PortIntent]));
}
