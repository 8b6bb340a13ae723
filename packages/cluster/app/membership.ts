// Owns who is a node of this zone: those that join from other hosts, and what an administrator does with any of them.
//
//   token -> join -> ready <-> draining -> remove; lost and ready follow from reports (node-health.ts)
//                       away -> remove as lost, with all that is on it (lost-nodes.ts)

import { ServiceError } from '@ironbark/core/errors.ts';
import type { NodeId } from '@ironbark/core/ids.ts';
import { fingerprintOf, issueCertificate } from '@ironbark/platform/certificates.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import type { CallSession } from '@ironbark/platform/http/call-session.ts';
import type { NodeSummary } from '@ironbark/protocol/internal/cluster-client.ts';
import type { InstanceObservation } from '@ironbark/protocol/internal/instance-messages.ts';
import {
  type CloudTerms,
  type JoinAnswer,
  type JoinRequest,
  NODE_PROTOCOL,
} from '@ironbark/protocol/internal/join-messages.ts';
import { joinedNodeClient } from '@ironbark/protocol/internal/wire/joined-node.ts';
import { findDoor } from '../store/door.ts';
import {
  addJoinedNode,
  findJoinedByFingerprint,
  findJoinedByName,
  type JoinedNodeRow,
  listJoinedNodes,
} from '../store/joined-nodes.ts';
import { isLostNode } from '../store/lost-nodes.ts';
import { ensureNode, listNodes, setDraining } from '../store/nodes.ts';
import { listChangesAfter } from '../store/observations.ts';
import { countPlacedOn, listIntents } from '../store/placed-instances.ts';
import type { ClusterContext } from './context.ts';
import { takeJoinToken } from './join-tokens.ts';
import { requireLost, writeLost, writeRemoved } from './lost-nodes.ts';
import { NodeLink } from './node-link.ts';
import { describeNodes } from './nodes.ts';

/** As the administrator sees it. */
export interface ZoneNode extends Partial<Omit<NodeSummary, 'health'>> {
  nodeId: NodeId;
  name: string;
  /** `away`: it has joined, and is not heard of. */
  state: 'ready' | 'draining' | 'away';
  /** The node of the front end's own host. */
  isFront: boolean;
  instances: number;
  /** Where it comes from; absent for the front end's own, and before it came. */
  address?: string;
  joinedAt?: string;
}

export interface InstancesElsewhere {
  node: string;
  instances: InstanceObservation[];
}

const NODE_ID_BYTES = 8;
/** No name is of this form: it would stand for another node. */
const NODE_ID_FORM = /^node-[0-9a-f]{16}$/;
/** From one address, in a minute: more than people mistype, and all that it may write to the log. */
const MAX_REFUSALS = 30;
/** The one that was refused first is forgotten for another. */
const MAX_REFUSED = 1_024;
const REFUSALS_MS = 60_000;
const MAX_VERSION = 64;

export class Membership implements Disposable {
  readonly #context: ClusterContext;
  readonly #terms: CloudTerms;
  readonly #version: string;
  readonly #links = new Map<NodeId, NodeLink>();
  readonly #removals = new Set<(id: NodeId) => void>();
  /** By address. */
  readonly #refusals = new Map<string, { count: number; sinceMs: number }>();

  private constructor(context: ClusterContext, terms: CloudTerms, version: string) {
    this.#context = context;
    this.#terms = terms;
    this.#version = version;
  }

  static async open(
    context: ClusterContext,
    { terms, version }: { terms: CloudTerms; version: string },
  ): Promise<Membership> {
    const membership = new Membership(context, terms, version);
    for (const row of await listJoinedNodes(context.database.query)) membership.#admit(row);
    return membership;
  }

  /** Before the rest is looked at, which another version may write in another way. */
  requireProtocol(input: unknown): void {
    const { protocol, version } = Object(input) as Record<string, unknown>;
    if (protocol === NODE_PROTOCOL) return;
    const theirs = typeof version === 'string' ? version.slice(0, MAX_VERSION) : 'of another time';
    throw refused(
      `This host has Ironbark ${theirs} and the front end ${this.#version}, which do not work together: use the same version.`,
    );
  }

  /** One token, one node: a host whose answer was lost asks for another token. */
  async join(request: JoinRequest, address: string): Promise<JoinAnswer> {
    this.#requireCalm(address);
    const { tokenId: id, secret, name, publicKey } = request;
    if (NODE_ID_FORM.test(name)) throw nameOfAnId(name);
    const { database, clock, random, logger } = this.#context;
    const nodeId: NodeId = `node-${random.bytes(NODE_ID_BYTES).toString('hex')}`;
    const door = await findDoor(database.query);
    if (door === undefined) throw new Error('a host came through a door that is not there');
    const authority = { certificate: door.authority_certificate, key: door.authority_key };
    const wishes = { name: nodeId, use: 'client', publicKey } as const;
    const certificate = issueCertificate(authority, wishes, { clock, random });
    const fingerprint = fingerprintOf(certificate);
    const joined_at = clock.nowMs();
    const row: JoinedNodeRow = { id: nodeId, name, fingerprint, joined_at };
    const refusal = await database.transaction(async (tx) => {
      const why = await takeJoinToken(tx, { id, secret }, clock.nowMs());
      if (why !== undefined) return why;
      if ((await findJoinedByName(tx, name)) !== undefined) throw nameTaken(name);
      await addJoinedNode(tx, row);
      await ensureNode(tx, nodeId);
      return undefined;
    });
    if (refusal !== undefined) throw this.#noteRefusal(address, refusal);
    this.#admit(row);
    logger.info('a node has joined', { id: nodeId, name, version: request.version });
    return { nodeId, certificate, terms: this.#terms };
  }

  /** Undefined: it is no node of this zone, or not any more. */
  async findNode(fingerprint: string): Promise<NodeId | undefined> {
    return (await findJoinedByFingerprint(this.#context.database.query, fingerprint))?.id;
  }

  /** At this moment, whatever connections it has. */
  has(id: NodeId): boolean {
    return this.#links.has(id);
  }

  /** Called once it is no node any more; for whoever has connections of it. */
  onRemoval(listener: (id: NodeId) => void): () => void {
    this.#removals.add(listener);
    return () => this.#removals.delete(listener);
  }

  /** It was one, and was removed with what was on it. */
  async wasLost(fingerprint: string): Promise<boolean> {
    return await isLostNode(this.#context.database.query, fingerprint);
  }

  attach(id: NodeId, session: CallSession, address: string | undefined): void {
    const link = this.#links.get(id);
    if (link === undefined) {
      session[Symbol.dispose]();
      return;
    }
    link.attach(session, address);
    this.#context.logger.info('a node is connected', { id, address });
    void session.ended.then(() =>
      this.#context.logger.info('a connection of a node ended', { id }),
    );
  }

  /** A node reads the images of its own instances and no other objects. */
  async mayRead(id: NodeId, { bucket, key }: { bucket: string; key: string }): Promise<boolean> {
    if (!this.#links.has(id)) return false;
    const intents = await listIntents(this.#context.database.query, id);
    const blobs = intents.flatMap(({ image }) => [image.root, image.kernel, image.initrd]);
    return blobs.some((blob) => blob?.bucket === bucket && blob.key === key);
  }

  async list(): Promise<ZoneNode[]> {
    const { database } = this.#context;
    const summaries = new Map((await describeNodes(this.#context)).map((one) => [one.nodeId, one]));
    const joined = new Map((await listJoinedNodes(database.query)).map((row) => [row.id, row]));
    const rows = (await listNodes(database.query)).filter(({ id }) => this.#context.nodes.has(id));
    const described = rows.map(async ({ id, is_draining }) => {
      const known = summaries.get(id);
      const row = joined.get(id);
      const address = this.#links.get(id)?.address;
      return {
        ...known,
        nodeId: id,
        name: row?.name ?? known?.hostname ?? id,
        state: stateOf(known, is_draining === 1),
        isFront: row === undefined,
        instances: await countPlacedOn(database.query, id),
        ...(address === undefined ? {} : { address }),
        ...(row === undefined ? {} : { joinedAt: renderTime(row.joined_at) }),
      };
    });
    return await Promise.all(described);
  }

  /** What nodes on other hosts have said of their instances; those that are over are left out. */
  async listElsewhere(): Promise<InstancesElsewhere[]> {
    const { query } = this.#context.database;
    const joined = await listJoinedNodes(query);
    if (joined.length === 0) return [];
    const found = Map.groupBy(await listChangesAfter(query, 0), ({ nodeId }) => nodeId);
    return joined.map(({ id, name }) => ({
      node: name,
      instances: (found.get(id) ?? [])
        .map(({ observation }) => observation)
        .filter(({ power }) => power !== 'terminated'),
    }));
  }

  /** Its instances stay; new ones go elsewhere. */
  async drain(name: string, isDraining: boolean): Promise<ZoneNode> {
    const node = await this.#get(name);
    await this.#context.database.transaction((tx) => setDraining(tx, node.nodeId, isDraining));
    this.#context.nodesChanged();
    return await this.#get(node.nodeId);
  }

  /** From when this resolves on its certificate is worth nothing. */
  async remove(name: string): Promise<ZoneNode> {
    const node = await this.#get(name);
    if (node.isFront) throw refused(`${node.name} is the front end’s own node and stays.`);
    const { nodeId: id } = node;
    await this.#context.database.transaction(async (tx) => {
      const count = await writeRemoved(tx, { id, name: node.name });
      if (count > 0) throw stillUsed(node.name, count);
    });
    this.#drop(node);
    return node;
  }

  /**
   * The same of one that is away, and its instances are over with it: the cloud reads so and gives back what they held.
   * `listeningMs`: for how long nodes have been able to come in; undefined while they are not.
   */
  async removeLost(name: string, listeningMs: number | undefined): Promise<ZoneNode> {
    const { database, logger } = this.#context;
    const node = await this.#get(name);
    if (node.isFront) throw refused(`${node.name} is the front end’s own node and stays.`);
    const { nodeId: id } = node;
    const instances = await database.transaction(async (tx) => {
      const row = (await listJoinedNodes(tx)).find((one) => one.id === id);
      if (row === undefined) throw refused(`${node.name} was removed already.`);
      // Looked at here: until its row is gone it may come back.
      const isConnected = this.#links.get(id)?.isConnected === true;
      requireLost(this.#context, row, { isConnected, listeningMs });
      const count = await countPlacedOn(tx, id);
      await writeLost(this.#context, tx, row);
      return count;
    });
    logger.warn('a node was removed as lost', { id, name: node.name, instances });
    this.#drop(node);
    for (const other of this.#context.nodes.keys()) this.#context.pokeIntent(other);
    return { ...node, instances };
  }

  /** Its rows are gone. */
  #drop({ nodeId: id, name }: ZoneNode): void {
    this.#context.removeNode(id);
    this.#links.get(id)?.[Symbol.dispose]();
    this.#links.delete(id);
    for (const listener of this.#removals) listener(id);
    this.#context.logger.info('a node was removed', { id, name });
    this.#context.nodesChanged();
  }

  [Symbol.dispose](): void {
    for (const link of this.#links.values()) link[Symbol.dispose]();
  }

  #admit({ id, name }: JoinedNodeRow): void {
    const link = new NodeLink(name, this.#context.clock);
    this.#links.set(id, link);
    const client = joinedNodeClient(link, id);
    // Hosts that were installed alike may have one name; here each has its own.
    const getReport = async () => ({ ...(await client.getReport()), hostname: name });
    this.#context.addNode(id, { ...client, getReport });
  }

  async #get(name: string): Promise<ZoneNode> {
    const all = await this.list();
    const byId = all.filter((one) => one.nodeId === name);
    const found = byId.length > 0 ? byId : all.filter((one) => one.name === name);
    const [node] = found;
    if (node !== undefined && found.length === 1) return node;
    throw new ServiceError({
      kind: node === undefined ? 'not-found' : 'invalid-parameter',
      resource: 'node',
      message:
        node === undefined
          ? `The cloud has no node ${name}.`
          : `Several nodes are called ${name}; name one by its id.`,
    });
  }

  #noteRefusal(address: string, refusal: ServiceError): ServiceError {
    const known = this.#refusals.get(address);
    const [first] = this.#refusals.keys();
    if (known !== undefined) known.count += 1;
    else {
      if (this.#refusals.size >= MAX_REFUSED) this.#refusals.delete(first!);
      this.#refusals.set(address, { count: 1, sinceMs: this.#context.clock.monotonicMs() });
    }
    this.#context.logger.warn('a host was not let in', { address, reason: refusal.message });
    return refusal;
  }

  #requireCalm(address: string): void {
    const known = this.#refusals.get(address);
    if (known === undefined) return;
    if (this.#context.clock.monotonicMs() - known.sinceMs > REFUSALS_MS) {
      this.#refusals.delete(address);
      return;
    }
    if (known.count < MAX_REFUSALS) return;
    throw new ServiceError({
      kind: 'throttled',
      resource: 'node',
      message: 'Too many wrong join tokens came from this address; try again in a minute.',
    });
  }
}

function stateOf(known: NodeSummary | undefined, isDraining: boolean): ZoneNode['state'] {
  if (known?.health !== 'ready') return 'away';
  return isDraining ? 'draining' : 'ready';
}

function nameTaken(name: string): ServiceError {
  return new ServiceError({
    kind: 'duplicate',
    resource: 'node',
    message: `A node called ${name} has joined already; choose another name, or remove that one.`,
  });
}

function nameOfAnId(name: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'node',
    message: `${name} has the form of a node’s id; choose another name. The token is still good.`,
  });
}

function stillUsed(name: string, count: number): ServiceError {
  return new ServiceError({
    kind: 'in-use',
    resource: 'node',
    message: `The node ${name} has ${count} instances that only it can have; terminate them first, or stop those whose root disks are volumes.`,
  });
}

function refused(message: string): ServiceError {
  return new ServiceError({ kind: 'operation-not-permitted', resource: 'node', message });
}
