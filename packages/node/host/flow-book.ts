// Owns the counting of flows in one place: which interfaces are counted, since when, and what came of it. A place without
// such interfaces has no table and pays nothing.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import {
  type FlowRecord,
  type FlowWindow,
  MAX_FLOWS_OF_WINDOW,
} from '@ironbark/protocol/internal/flow-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import {
  type CountedFlows,
  type Half,
  parseFlowTable,
  renderFlowFlush,
  renderFlowRemoval,
  renderFlowStart,
  renderFlowTable,
} from './flow-rules.ts';
import type { NetworkNames } from './network-names.ts';
import type { NetworkPlace } from './network-place.ts';
import type { RuleBook } from './nftables.ts';
import type { PortRecords } from './port-records.ts';

/** An interface that has a flow log. */
export interface LoggedPort
  extends Pick<FlowWindow, 'interfaceId' | 'instanceId' | 'subnetId' | 'vpcId' | 'privateIp'> {
  privateIps: readonly string[];
}

export interface FlowPlace {
  names: Pick<NetworkNames, 'flowTable'>;
  place: Pick<NetworkPlace, 'commands'>;
  clock: Clock;
  logger: Logger;
}

interface Counting {
  port: LoggedPort;
  sinceMs: number;
  isSkipped: boolean;
  /** Read since then, by what makes a flow. */
  flows: Map<string, FlowRecord>;
}

/** Ports of a place that have one: of their own, by their subnet or by their VPC. */
export function loggedPorts(
  vpcs: readonly VpcIntent[],
  records: Pick<PortRecords, 'find'>,
): LoggedPort[] {
  return vpcs.flatMap(({ id: vpcId, ports, logged = [] }) => {
    const ids = new Set<string>(logged);
    if (ids.size === 0) return [];
    return ports.flatMap(({ interfaceId, subnetId, privateIps }) => {
      const instanceId = records.find(interfaceId)?.instanceId;
      const isLogged = [vpcId, subnetId, interfaceId].some((id) => ids.has(id));
      if (instanceId === undefined || !isLogged) return [];
      return [{ interfaceId, instanceId, subnetId, vpcId, privateIp: privateIps[0]!, privateIps }];
    });
  });
}

/** nft's exit code when what it should list is not there. */
const NO_TABLE = 1;

export class FlowBook {
  readonly #table: string;
  readonly #commands: Commands;
  readonly #rules: Pick<RuleBook, 'apply'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #half: Half = 'a';
  /** That the kernel counts; undefined: nobody knows. */
  #addresses: readonly string[] | undefined;
  /** What the kernel showed after it was told so, without what it counts. */
  #shown = '';
  readonly #counting = new Map<InterfaceId, Counting>();
  /** Of interfaces that are gone, or not counted any more. */
  #ended: FlowWindow[] = [];

  constructor({ names, place, clock, logger }: FlowPlace, rules: Pick<RuleBook, 'apply'>) {
    this.#table = names.flowTable;
    this.#commands = place.commands;
    this.#rules = rules;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** With a look at the kernel: what somebody has changed there is made anew. */
  async ensure(ports: readonly LoggedPort[]): Promise<void> {
    if (this.#addresses?.length === 0 && ports.length === 0) return;
    const shown = await this.#list();
    if (this.#addresses === undefined ? shown !== '' : shown !== this.#shown) {
      this.#lose();
      await this.put(ports);
      // An earlier process counted, and nobody has read that.
      this.#lose(this.#addresses);
    } else await this.put(ports);
  }

  /** From now on these are counted, and no others. */
  async put(ports: readonly LoggedPort[]): Promise<void> {
    const wanted = new Map(ports.map((port) => [port.interfaceId, port]));
    const gone = [...this.#counting.values()].filter(
      ({ port }) => !isSamePort(port, wanted.get(port.interfaceId)),
    );
    // What was counted of an address belongs to who had it.
    if (gone.length > 0) await this.#read();
    const nowMs = this.#clock.nowMs();
    for (const one of gone) {
      this.#ended.push(...windowsOf(one, nowMs));
      this.#counting.delete(one.port.interfaceId);
    }
    for (const port of ports) {
      if (this.#counting.has(port.interfaceId)) continue;
      const fresh = { port, sinceMs: nowMs, isSkipped: false, flows: new Map() };
      this.#counting.set(port.interfaceId, fresh);
    }
    await this.#write(ports.flatMap(({ privateIps }) => privateIps).sort());
  }

  /** What was counted since the last call. */
  async take(): Promise<FlowWindow[]> {
    if (this.#counting.size > 0) await this.#read();
    const nowMs = this.#clock.nowMs();
    const windows = this.#ended;
    this.#ended = [];
    for (const one of this.#counting.values()) {
      windows.push(...windowsOf(one, nowMs));
      // Until the next look nobody counts.
      const isSkipped = this.#addresses === undefined;
      Object.assign(one, { sinceMs: nowMs, isSkipped, flows: new Map() });
    }
    return windows;
  }

  /** Goes on in the other half, and reads this one. When that fails what was counted is lost, and said to be. */
  async #read(): Promise<void> {
    const addresses = this.#addresses;
    if (addresses === undefined || addresses.length === 0) return;
    const half = this.#half;
    this.#half = half === 'a' ? 'b' : 'a';
    try {
      await this.#rules.apply(renderFlowStart(this.#table, addresses, this.#half));
      const args = ['-j', '-p', 'list', 'table', 'ip', this.#table];
      const { stdout } = await this.#commands.run('nft', args);
      await this.#rules.apply(renderFlowFlush(this.#table, half));
      this.#shown = await this.#list();
      this.#add(parseFlowTable(stdout, half));
    } catch {
      // Somebody took the table away or changed it. The next look makes it anew.
      this.#lose();
    }
  }

  #add({ flows, skipped }: CountedFlows): void {
    const owners = new Map(
      [...this.#counting.values()].flatMap((one) =>
        one.port.privateIps.map((address) => [address, one] as const),
      ),
    );
    for (const address of skipped) {
      const owner = owners.get(address);
      if (owner !== undefined) owner.isSkipped = true;
    }
    for (const flow of flows) {
      const own = flow.direction === 'egress' ? flow.sourceIp : flow.destinationIp;
      const owner = owners.get(own);
      if (owner !== undefined) addFlow(owner.flows, flow);
    }
  }

  /** What the kernel has counted is not known, or what it counts. */
  #lose(addresses?: readonly string[]): void {
    this.#addresses = addresses;
    for (const one of this.#counting.values()) one.isSkipped = true;
  }

  async #write(addresses: readonly string[]): Promise<void> {
    const before = this.#addresses;
    if (before?.join() === addresses.join()) return;
    this.#addresses = undefined;
    try {
      await this.#rules.apply(this.#render(before, addresses));
      this.#shown = await this.#list();
      this.#addresses = addresses;
    } catch (error) {
      // Guests have their network all the same. The next look tries again.
      this.#logger.warn('flows are not counted', { table: this.#table, error });
      this.#lose();
    }
  }

  #render(before: readonly string[] | undefined, addresses: readonly string[]): string {
    if (addresses.length === 0) return renderFlowRemoval(this.#table);
    const isThere = before !== undefined && before.length > 0;
    return (isThere ? renderFlowStart : renderFlowTable)(this.#table, addresses, this.#half);
  }

  /** Without what was counted; empty where there is no table. */
  async #list(): Promise<string> {
    const args = ['-s', '-t', 'list', 'table', 'ip', this.#table];
    return (await this.#commands.run('nft', args, { allowExitCodes: [0, NO_TABLE] })).stdout;
  }
}

function isSamePort(one: LoggedPort, other: LoggedPort | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function addFlow(flows: Map<string, FlowRecord>, flow: FlowRecord): void {
  const { packets, bytes, ...five } = flow;
  const key = Object.values(five).join(' ');
  const known = flows.get(key);
  if (known === undefined) flows.set(key, { ...flow });
  else {
    known.packets += packets;
    known.bytes += bytes;
  }
}

/** Several of the same time where there are many flows. */
function windowsOf({ port, sinceMs, isSkipped, flows }: Counting, endMs: number): FlowWindow[] {
  const { privateIps: _all, ...ids } = port;
  const all = [...flows.values()];
  const parts = Math.max(1, Math.ceil(all.length / MAX_FLOWS_OF_WINDOW));
  return Array.from({ length: parts }, (_, at) => ({
    ...{ ...ids, startMs: sinceMs, endMs },
    isSkipped: isSkipped && at === 0,
    flows: all.slice(at * MAX_FLOWS_OF_WINDOW, (at + 1) * MAX_FLOWS_OF_WINDOW),
  }));
}
