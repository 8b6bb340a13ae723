// Owns the node's view of its network: subnets made when they changed, and which ports exist and were ensured.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { parseCidr, parseIpv4 } from '@ironbark/core/ipv4.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type {
  InstanceIntent,
  InterfaceIntent,
  SubnetIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { subnetsOf } from '@ironbark/protocol/internal/vpc-subnets.ts';
import type { HostNetwork, PortAttachment } from '../host/host-network.ts';
import type { IntentStore } from '../store/intent.ts';

/** Bridges, rules and address services that somebody took away are back after this time. */
const REPAIR_PERIOD_MS = 9_000;

export class Ports {
  readonly #network: HostNetwork;
  readonly #intents: IntentStore;
  readonly #clock: Clock;
  readonly #held: () => readonly InterfaceId[];
  readonly #existing = new Set<InterfaceId>();
  /** Ensured by this process: one that it has only found may lack parts. */
  readonly #ensured = new Set<InterfaceId>();
  #subnets: { wanted: readonly SubnetIntent[]; made: Promise<void>; sinceMs: number } | undefined;
  #vpcs: readonly VpcIntent[] = [];

  /** `held`: what instances have whatever their intents say by now. */
  constructor(
    network: HostNetwork,
    intents: IntentStore,
    clock: Clock,
    held: () => readonly InterfaceId[] = () => [],
  ) {
    this.#network = network;
    this.#intents = intents;
    this.#clock = clock;
    this.#held = held;
  }

  get ensured(): readonly InterfaceId[] {
    return [...this.#ensured];
  }

  /** Those of an instance that exist, whether ensured or not. */
  existingOf(intent: InstanceIntent): InterfaceId[] {
    const taken = this.#takenFrom(intent);
    const own = intent.interfaces.map(({ id }) => id);
    return own.filter((id) => this.#existing.has(id) && !taken.has(id));
  }

  /** A terminated instance is listed with its interfaces until it is forgotten; kept ones may be another's by then. */
  #takenFrom({ id, power }: InstanceIntent): ReadonlySet<InterfaceId> {
    if (power !== 'terminated') return new Set();
    const others = this.#intents
      .instances()
      .filter((each) => each.id !== id && each.power !== 'terminated');
    return new Set(others.flatMap(({ interfaces }) => interfaces.map((nic) => nic.id)));
  }

  /** Looks at the host again, and removes ports that belong to no instance. */
  async refresh(): Promise<void> {
    const found = await this.#network.listPorts();
    const wanted = this.#intents.instances().flatMap(({ interfaces }) => interfaces);
    const known = new Set([...wanted.map(({ id }) => id), ...this.#held()]);
    this.#existing.clear();
    for (const id of found) {
      if (known.has(id)) this.#existing.add(id);
      else await this.#network.removePort(id);
    }
    for (const id of this.#ensured) {
      if (!this.#existing.has(id)) this.#ensured.delete(id);
    }
  }

  /** Makes the subnets of the newest intent, unless that was done. */
  ensureSubnets(): Promise<void> {
    const known = this.#subnets;
    if (known === undefined || !isSame(known.wanted, this.#intents.subnets)) {
      return this.#makeSubnets();
    }
    if (areSameVpcs(this.#vpcs, this.#intents.vpcs)) return known.made;
    return this.#changeVpcs(known);
  }

  /** Who is in which group changes often, and is a small change on the host. */
  #changeVpcs(known: { wanted: readonly SubnetIntent[]; made: Promise<void>; sinceMs: number }) {
    const wanted = this.#intents.vpcs;
    this.#vpcs = wanted;
    const made = known.made.then(() => this.#network.putVpcs(wanted));
    const attempt = { ...known, made };
    made.catch(() => {
      if (this.#subnets === attempt) this.#subnets = undefined;
    });
    this.#subnets = attempt;
    return made;
  }

  /** Makes what the subnets lack by now, unless that was looked at a moment ago. */
  repairSubnets(): Promise<void> {
    const ageMs = this.#clock.monotonicMs() - (this.#subnets?.sinceMs ?? 0);
    return ageMs < REPAIR_PERIOD_MS ? this.ensureSubnets() : this.#makeSubnets();
  }

  /** One attempt at a time. */
  #makeSubnets(): Promise<void> {
    const { subnets: wanted, vpcs, isKept } = this.#intents;
    this.#vpcs = vpcs;
    const before = this.#subnets?.made.catch(() => {}) ?? Promise.resolve();
    const made = before.then(() => this.#network.ensureSubnets(wanted, vpcs, { isKept }));
    const attempt = { wanted, made, sinceMs: this.#clock.monotonicMs() };
    made.catch(() => {
      if (this.#subnets === attempt) this.#subnets = undefined;
    });
    this.#subnets = attempt;
    return made;
  }

  async ensure(
    intent: InstanceIntent,
    nic: InterfaceIntent,
    guest: {
      uid: number | undefined;
      isIdle: boolean;
      carriesStorage: boolean;
      reachesNbd: boolean;
    },
  ): Promise<PortAttachment> {
    await this.ensureSubnets();
    const subnet = this.#findSubnet(nic.subnetId);
    if (subnet === undefined) throw unknownSubnet(nic);
    this.#existing.add(nic.id);
    const attachment = await this.#network.ensurePort({
      instanceId: intent.id,
      interfaceId: nic.id,
      macAddress: nic.macAddress,
      privateIp: nic.privateIp,
      subnet,
      hostname: nic.hostname ?? intent.metadata.hostname,
      vcpus: intent.vcpus,
      profile: nic.profile,
      isIdle: guest.isIdle,
      carriesStorage: guest.carriesStorage,
      reachesNbd: guest.reachesNbd,
      ...(guest.uid === undefined ? {} : { uid: guest.uid }),
    });
    this.#ensured.add(nic.id);
    return attachment;
  }

  /** Where a guest's frames and packets reach the host, and which of its subnet's addresses it has. */
  storagePlaceOf(
    nic: InterfaceIntent,
  ): { interfaceName: string; hostAddress: string; shelf: number } | undefined {
    const subnet = this.#findSubnet(nic.subnetId);
    const interfaceName = this.#network.hostInterface(nic.subnetId);
    const cidr = parseCidr(subnet?.cidr ?? '');
    const address = parseIpv4(nic.privateIp);
    if (interfaceName === undefined || cidr === undefined || address === undefined) {
      return undefined;
    }
    const { gatewayIp: hostAddress } = subnet!;
    return { interfaceName, hostAddress, shelf: address - cidr.base };
  }

  #findSubnet(id: SubnetId): SubnetIntent | undefined {
    const { subnets, vpcs } = this.#intents;
    return [...subnets, ...vpcs.flatMap(subnetsOf)].find((subnet) => subnet.id === id);
  }

  async remove(id: InterfaceId): Promise<void> {
    this.#ensured.delete(id);
    await this.#network.removePort(id);
    this.#existing.delete(id);
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** A change that is none of a VPC's ports leaves their list as it was; there may be a hundred thousand. */
function areSameVpcs(one: readonly VpcIntent[], other: readonly VpcIntent[]): boolean {
  if (one === other) return true;
  return one.length === other.length && one.every((vpc, at) => isSameVpc(vpc, other[at]!));
}

function isSameVpc(one: VpcIntent, other: VpcIntent): boolean {
  if (one === other) return true;
  const { ports: _, ...frame } = one;
  const { ports, ...otherFrame } = other;
  return one.ports === ports && isSame(frame, otherFrame);
}

function unknownSubnet(nic: InterfaceIntent): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'subnet',
    message: `The node does not know the subnet ${nic.subnetId} yet.`,
  });
}
