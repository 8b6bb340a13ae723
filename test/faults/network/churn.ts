// Owns a network that is changed at random, and the model of what it should be: ports with their groups, groups with
// their rules.

import type { HostNetwork } from '@ironbark/node/host/host-network.ts';
import { createNetworkNames, type NetworkNames } from '@ironbark/node/host/network-names.ts';
import { createTestCloud, type TestCloud } from '@ironbark/node/testing/test-cloud.ts';
import {
  fromCidr,
  fromGroup,
  groupId,
  portIntent,
  vpcIntent,
} from '@ironbark/node/testing/vpc-intent.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import type {
  GroupRuleIntent,
  SecurityGroupIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';

const GROUPS = 20;
const MAX_GROUPS_OF_PORT = 5;
const MAX_RULES = 8;
const TCP = 6;
/** The first that is no gateway. */
const FIRST_PLACE = 5;
const LAST_PLACE = 4_000;

export interface Costs {
  port: number;
  membership: number;
  rule: number;
}

export class NetworkChurn implements AsyncDisposable {
  readonly cloud: TestCloud;
  readonly names: NetworkNames;
  /** Place in the subnet to numbers of groups. */
  readonly ports = new Map<number, number[]>();
  readonly rules = new Map<number, GroupRuleIntent[]>();
  changes = 0;
  #network: HostNetwork;
  readonly #random: RandomSource;

  private constructor(cloud: TestCloud, network: HostNetwork, seed: number) {
    this.cloud = cloud;
    this.names = createNetworkNames(cloud.cloudId);
    this.#network = network;
    this.#random = seededRandom(seed);
  }

  static async open(seed: number): Promise<NetworkChurn> {
    const cloud = await createTestCloud('churn');
    const churn = new NetworkChurn(cloud, await cloud.open(), seed);
    for (let number = 1; number <= GROUPS; number += 1) churn.rules.set(number, churn.#someRules());
    await churn.look();
    return churn;
  }

  async grow(count: number): Promise<void> {
    while (this.ports.size < count) await this.#addPort();
    await this.look();
  }

  /** The look at the whole host that repairs it. */
  async look(): Promise<void> {
    await this.#network.ensureSubnets([this.cloud.subnet], [this.#vpc()]);
  }

  /** In milliseconds, the least of the samples: what other work on the host adds is not the network's. */
  async costs(samples: number): Promise<Costs> {
    return {
      port: await leastOf(samples, async () => {
        const timed = await timeOf(() => this.#addPort());
        await this.#removePort();
        return timed;
      }),
      membership: await leastOf(samples, () => timeOf(() => this.#changeMembership())),
      rule: await leastOf(samples, () => timeOf(() => this.#changeRules())),
    };
  }

  async run(durationMs: number, explain: (line: string) => void): Promise<void> {
    const end = systemClock.monotonicMs() + durationMs;
    const size = this.ports.size;
    let failures = 0;
    while (systemClock.monotonicMs() < end) {
      this.changes += 1;
      try {
        await this.#step(size);
      } catch (error) {
        // What was taken away by hand is in the way of a change until the next look.
        failures += 1;
        await this.look();
        if (failures % 10 === 0) explain(`${failures} changes met what was taken away: ${error}`);
      }
    }
    await this.look();
    explain(`${this.changes} changes, ${failures} of them after a look`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#network.removeAll();
  }

  async #step(size: number): Promise<void> {
    const kind = this.#below(20);
    if (kind < 5) await this.#changeMembership();
    else if (kind < 9) await this.#changeRules();
    else if (kind < 13 && this.ports.size < size) await this.#addPort();
    else if (kind < 16) await this.#removePort();
    else if (kind < 18) await this.#takeAway();
    else if (kind === 18) await this.look();
    // A daemon that is killed leaves all of it; the next knows nothing but what lies on the host.
    else this.#network = await this.cloud.open();
  }

  async #addPort(): Promise<void> {
    const place = this.#freePlace();
    this.ports.set(place, this.#someGroups());
    await this.#put();
    await this.#network.ensurePort(this.cloud.port(place));
  }

  async #removePort(): Promise<void> {
    const place = this.#somePlace();
    this.ports.delete(place);
    await this.#network.removePort(this.cloud.port(place).interfaceId);
    await this.#put();
  }

  async #changeMembership(): Promise<void> {
    this.ports.set(this.#somePlace(), this.#someGroups());
    await this.#put();
  }

  /** Of a group that some port has: the others have nothing on the host. */
  async #changeRules(): Promise<void> {
    const [number] = this.ports.get(this.#somePlace())!;
    this.rules.set(number!, this.#someRules());
    await this.#put();
  }

  async #takeAway(): Promise<void> {
    const tap = this.names.tap(this.cloud.port(this.#somePlace()).interfaceId);
    const { table, groupTable } = this.names;
    const commands: [string, string[]][] = [
      ['nft', ['delete', 'table', 'netdev', table]],
      ['nft', ['flush', 'chain', 'ip', groupTable, 'ingress']],
      ['nft', ['add', 'rule', 'ip', table, 'forward', 'drop']],
      ['ip', ['link', 'set', 'dev', tap, 'type', 'bridge_slave', 'isolated', 'off']],
    ];
    const [file, args] = commands[this.#below(commands.length)]!;
    await systemCommands.run(file, args, { allowExitCodes: [0, 1, 2] });
  }

  async #put(): Promise<void> {
    await this.#network.putVpcs([this.#vpc()]);
  }

  #vpc(): VpcIntent {
    const { id, cidr, gatewayIp, vpcCidr } = this.cloud.subnet;
    const groups = [...this.rules].map(
      ([number, ingress]): SecurityGroupIntent => ({ id: groupId(number), ingress, egress: [] }),
    );
    const ports = [...this.ports].map(([place, own]) => portIntent(this.cloud.port(place), own));
    const subnets = [{ id, cidr, gatewayIp }];
    return vpcIntent({ number: 1, cidr: vpcCidr, subnets, groups, ports });
  }

  #someRules(): GroupRuleIntent[] {
    return Array.from({ length: 1 + this.#below(MAX_RULES) }, () =>
      this.#below(2) === 0
        ? fromGroup(1 + this.#below(GROUPS), TCP)
        : fromCidr(TCP, 1 + this.#below(60_000), `10.${this.#below(256)}.0.0/16`),
    );
  }

  #someGroups(): number[] {
    const count = 1 + this.#below(MAX_GROUPS_OF_PORT);
    return [...new Set(Array.from({ length: count }, () => 1 + this.#below(GROUPS)))];
  }

  #somePlace(): number {
    return [...this.ports.keys()][this.#below(this.ports.size)]!;
  }

  #freePlace(): number {
    for (;;) {
      const place = FIRST_PLACE + this.#below(LAST_PLACE - FIRST_PLACE);
      if (!this.ports.has(place)) return place;
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random.fraction() * limit);
  }
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const before = systemClock.monotonicMs();
  await work();
  return systemClock.monotonicMs() - before;
}

async function leastOf(samples: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let sample = 0; sample < samples; sample += 1) values.push(await measure());
  return Math.min(...values);
}
