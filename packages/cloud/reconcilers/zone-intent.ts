// Owns hop 6's input: the zone is told what each instance is to be, again and again until it has got there.

import type { InstanceId } from '@ironbark/core/ids.ts';
import { parseBlock, renderIpv4 } from '@ironbark/core/ipv4.ts';
import type { ReconcileResult, Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { privateDomain } from '../app/addresses.ts';
import type { App } from '../app/app.ts';
import { loadInstanceRole } from '../app/iam/instance-role.ts';
import { composeIntent, type InstanceRows, planIntent } from '../app/instance-intent.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import { findInstance, listUnforgottenIds, listUnsettledIds } from '../store/instances.ts';
import { listAddressesOfAny } from '../store/interface-addresses.ts';
import { listIpv6AddressesOfAny, listSubnetIpv6Cidrs } from '../store/ipv6.ts';
import { listInterfaceGroupsOf, listInterfacesOf } from '../store/network-interfaces.ts';
import { listAllSubnets } from '../store/networks.ts';
import { listTagsOf } from '../store/tags.ts';
import { findVolumes } from '../store/volumes.ts';
import { stepTermination } from './instance-termination.ts';
import { stepInterfaces } from './interface-attachments.ts';
import { returnPlacement } from './placement-return.ts';
import { SentGenerations } from './sent-generations.ts';
import type { VpcSender } from './vpc-sender.ts';

/** Volumes poke this when they are ready; this is for the poke that got lost. */
const VOLUMES_AGAIN_MS = 5_000;

export function createZoneIntent(app: App, vpcs: VpcSender): Reconciler {
  const sent = new SentGenerations<InstanceId>(app.clock);
  const subnets = new SubnetSender(app);
  // Everything is told once after a start; from then on whoever has got there is left alone.
  let hasToldAll = false;
  return {
    name: 'zone-intent',
    listKeys: async () => {
      if (hasToldAll) return listUnsettledIds(app.store.query);
      const ids = await listUnforgottenIds(app.store.query);
      hasToldAll = true;
      return ids;
    },
    reconcile: (key) => sendInstance(app, { sent, subnets, vpcs }, key as InstanceId),
  };
}

/** What the zone has been told by this process. */
interface Told {
  sent: SentGenerations<InstanceId>;
  subnets: SubnetSender;
  vpcs: VpcSender;
}

async function sendInstance(
  app: App,
  { sent, subnets, vpcs }: Told,
  id: InstanceId,
): Promise<ReconcileResult> {
  const rows = await loadRows(app, id);
  if (rows !== undefined && (await stepTermination(app, rows.instance))) return LOOK_AGAIN;
  if (rows !== undefined && (await stepInterfaces(app, rows))) return LOOK_AGAIN;
  const plan = rows === undefined ? NOTHING : planRows(rows);
  if (rows === undefined || plan.kind === 'none') {
    sent.forget(id);
    return SETTLED;
  }
  if (plan.kind === 'wait') return { kind: 'again', afterMs: VOLUMES_AGAIN_MS };
  const { generation, observedGeneration } = rows.instance;
  if (sent.isDue(id, generation, observedGeneration)) {
    await subnets.ensureSent();
    // A node finds the ports of its instances in their VPCs.
    const waitMs = await vpcs.ensureSent(rows.instance.vpcId, id);
    if (waitMs > 0) return { kind: 'again', afterMs: waitMs };
    if (!(await sendIntent(app, rows))) return LOOK_AGAIN;
    sent.record(id, generation);
  }
  return sent.next(generation, observedGeneration);
}

/** False when its node is none of the zone's any more. */
async function sendIntent(app: App, rows: InstanceRows): Promise<boolean> {
  const { instance } = rows;
  const placed = { nodeId: instance.nodeId!, intent: composeIntent(rows, app.region) };
  try {
    await app.aroundStep('zone-intent/send', () => app.cluster.putInstances([placed]));
    return true;
  } catch (error) {
    if (await returnPlacement(app, instance, error)) return false;
    throw error;
  }
}

const NOTHING = { kind: 'none' } as const;
const LOOK_AGAIN: ReconcileResult = { kind: 'again', afterMs: 0 };

function planRows(rows: InstanceRows) {
  return planIntent(
    rows.instance,
    rows.attachments.map(({ attachment }) => attachment),
  );
}

async function loadRows(app: App, id: InstanceId): Promise<InstanceRows | undefined> {
  const db = app.store.query;
  const instance = await findInstance(db, id);
  if (instance === undefined) return undefined;
  const interfaces = await listInterfacesOf(db, id);
  const attachments = await listAttachmentsOf(db, id);
  const volumeIds = attachments.map((attachment) => attachment.volumeId);
  const volumes = await findVolumes(db, instance.accountId, volumeIds);
  const subnets = await listAllSubnets(db);
  return {
    instance,
    interfaces,
    groups: await listInterfaceGroupsOf(db, id),
    morePrivateIps: await listAddressesOfAny(
      db,
      interfaces.map((one) => one.id),
    ),
    ipv6Addresses: await listIpv6AddressesOfAny(
      db,
      interfaces.map((one) => one.id),
    ),
    subnetIpv6Cidrs: await listSubnetIpv6Cidrs(db, instance.accountId),
    subnets,
    attachments: attachments.flatMap((attachment) => {
      const volume = volumes.find((one) => one.id === attachment.volumeId);
      return volume === undefined ? [] : [{ attachment, volume }];
    }),
    subnet: subnets.find((subnet) => subnet.id === instance.subnetId)!,
    tags: await listTagsOf(db, id),
    role: await loadInstanceRole(db, id),
  };
}

/**
 * Tells the zone its default subnets once in a process, and again when they have changed: those that hosts can route
 * between, for nodes that keep one network for all.
 */
class SubnetSender {
  readonly #app: App;
  #sent = '';

  constructor(app: App) {
    this.#app = app;
  }

  async ensureSent(): Promise<void> {
    const domain = privateDomain(this.#app.region);
    const rows = await listAllSubnets(this.#app.store.query);
    const ofDefault = rows.filter((row) => row.isDefault === 1);
    const intents = ofDefault.map(({ id, cidr, vpcCidr }): SubnetIntent => {
      const gatewayIp = renderIpv4(parseBlock(cidr)!.base + 1);
      return { id, cidr, gatewayIp, vpcCidr, domain };
    });
    const text = JSON.stringify(intents);
    if (text === this.#sent) return;
    const put = () => this.#app.cluster.putSubnets(intents);
    await this.#app.aroundStep('zone-intent/send-subnets', put);
    this.#sent = text;
  }
}
