// Owns handing each node its whole desired document, again and again until its report shows it.

import type { NodeId } from '@ironbark/core/ids.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { NodeIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import type { VpcChange, VpcVersion } from '@ironbark/protocol/internal/vpc-changes.ts';
import type { ClusterContext } from '../app/context.ts';
import { withinDeadline } from '../app/deadline.ts';
import { locateNodes } from '../app/locations.ts';
import { buildsVpcs } from '../app/vpcs.ts';
import { listLeftIntents } from '../store/left-instances.ts';
import { findNode, type NodeRow, summaryOf } from '../store/nodes.ts';
import { listIntents } from '../store/placed-instances.ts';
import type { KnownVpc } from '../store/vpcs.ts';
import { getZoneSubnets } from '../store/zone.ts';

/** A node that took the document shows it in its next report; this is for the call that was lost. */
const HAND_OVER_AGAIN_MS = 1_000;

export function createNodeIntentReconciler(context: ClusterContext): Reconciler {
  return {
    name: 'node-intent',
    listKeys: async () => [...context.nodes.keys()],
    reconcile: (key) => handOver(context, key as NodeId),
  };
}

async function handOver(context: ClusterContext, id: NodeId): Promise<ReconcileResult> {
  const client = context.nodes.get(id);
  const node = await findNode(context.database.query, id);
  if (client === undefined || node === undefined) return SETTLED;
  // Nothing was placed here since this state store was made. A document without instances would end guests
  // that the node still runs for a store that was lost; subnets come with the first instance.
  if (node.intent_generation === 0) return SETTLED;
  if (hasHeard(node)) return SETTLED;
  const intent = await buildIntent(context, node);
  const put = () => withinDeadline(context.clock, 'putIntent', client.putIntent(intent));
  // Until it has answered nobody knows what it has; what it refuses it needs whole.
  context.vpcs.forgetHanded(id);
  await context.aroundStep('node-intent/hand-over', put);
  context.vpcs.noteHanded(id, versionsOf(intent));
  context.pokeReport(id);
  return { kind: 'again', afterMs: HAND_OVER_AGAIN_MS };
}

/** A node with a newer document has it from a store that knew more; this one will be told by the cloud. */
function hasHeard(node: NodeRow): boolean {
  const { reported_generation: reported, intent_generation: wanted } = node;
  if (reported !== wanted) return reported > wanted;
  // What it works on it had before it began; that this still holds is news to it.
  return summaryOf(node)?.intentIsKept !== true;
}

/** The generation is read first: the rows are of that generation or newer, never older. */
async function buildIntent(context: ClusterContext, node: NodeRow): Promise<NodeIntent> {
  const { id: nodeId, intent_generation: generation } = node;
  const subnets = await getZoneSubnets(context.database.query);
  const db = context.database.query;
  const nowMs = context.clock.nowMs();
  const known = buildsVpcs(context, node) ? await context.vpcs.listOn(db, nodeId, nowMs) : [];
  const news = { vpcs: [] as VpcIntent[], vpcVersions: [] as VpcVersion[] };
  const vpcChanges: VpcChange[] = [];
  for (const vpc of await withLocations(context, known)) {
    const change = await context.vpcs.changeFor(db, nodeId, vpc, nowMs);
    if (change !== undefined) vpcChanges.push(change);
    else {
      news.vpcs.push(vpc.intent);
      news.vpcVersions.push({ id: vpc.intent.id, generation: vpc.generation });
    }
  }
  const instances = [...(await listIntents(db, nodeId)), ...(await listLeftIntents(db, nodeId))];
  return { nodeId, generation, subnets, ...news, vpcChanges, instances };
}

function versionsOf({ vpcVersions = [], vpcChanges = [] }: NodeIntent): VpcVersion[] {
  const changed = vpcChanges.map(({ frame, generation }) => ({ id: frame.id, generation }));
  return [...vpcVersions, ...changed];
}

async function withLocations(
  context: ClusterContext,
  known: readonly KnownVpc[],
): Promise<readonly KnownVpc[]> {
  if (known.length === 0) return known;
  const places = await locateNodes(context);
  const nodesOf = new Map(known.map(({ intent, nodeIds }) => [intent.id, nodeIds]));
  return known.map((vpc) => {
    // What guests send to a peer's their own node hands over in the peer's network.
    const nodeIds = [vpc.intent.id, ...(vpc.intent.peers ?? [])].flatMap((id) => [
      ...(nodesOf.get(id) ?? []),
    ]);
    const locations = [...new Set(nodeIds)].sort().flatMap((id) => places.get(id) ?? []);
    return locations.length > 0 ? { ...vpc, intent: { ...vpc.intent, locations } } : vpc;
  });
}
