// Owns a whole simulated cloud: the real controllers and nodes, each a process of its own that can be killed, joined
// by messages. Disks, databases, networks of hosts and objects outlive the processes.

import { startCloud } from '@ironbark/cloud/main.ts';
import { startCluster } from '@ironbark/cluster/main.ts';
import type { InstanceId, NodeId, VolumeId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import { SimulatedNetwork } from '@ironbark/node/host/simulated-network.ts';
import { startNode } from '@ironbark/node/main.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { OpenDatabase } from '@ironbark/platform/database/database.ts';
import { createLogger, type Logger, silentLogger } from '@ironbark/platform/logger.ts';
import type { ClusterClient } from '@ironbark/protocol/internal/cluster-client.ts';
import type { NodeClient } from '@ironbark/protocol/internal/node-client.ts';
import type { StorageClient } from '@ironbark/protocol/internal/storage-client.ts';
import { MemoryObjects } from '@ironbark/protocol/internal/testing/memory-objects.ts';
import type { Opening } from '@ironbark/storage/app/openings.ts';
import { startStorage } from '@ironbark/storage/main.ts';
import { withEmptyVolumes } from './empty-volumes.ts';
import { MemoryDatabases } from './memory-databases.ts';
import type { MemoryFiles } from './memory-files.ts';
import { Messages } from './messages.ts';
import { mountFiles } from './mounted-files.ts';
import { PROMPT_COMPRESSOR } from './prompt-compressor.ts';
import { objectsFor } from './simulated-objects.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { Simulation } from './simulation.ts';
import { StepFaults } from './step-faults.ts';

export interface WorldOptions {
  seed: number;
  nodes: number;
  /** Each operation of a hypervisor takes between these. */
  driverDelayMs?: readonly [number, number];
  /** Takes the log's lines; absent: nobody reads them. */
  log?: (line: string) => void;
}

/** What a running process gives to others, and to the checks. */
interface Running {
  process: SimulatedProcess;
  isQuiet: () => boolean;
  /** The polite end. */
  stop: () => Promise<void>;
}

export const CONTROLLERS = ['cloud', 'cluster', 'storage'] as const;
export type Controller = (typeof CONTROLLERS)[number];
export const REGION = 'us-east-1';
/** A wire client would give up by then; in the product that is written, controllers share a process. */
const CONTROLLER_TIMEOUT_MS = 10_000;
/** The same on every machine that runs the simulation. */
const NODE_CAPACITY = {
  vcpus: 64,
  memoryMib: 64 * 1024,
  diskBytes: 4096 * GIB,
  diskFreeBytes: 4096 * GIB,
};

export class World implements Disposable {
  readonly simulation: Simulation;
  readonly messages: Messages;
  readonly files: MemoryFiles;
  readonly databases = new MemoryDatabases();
  readonly objects = new MemoryObjects();
  readonly networks = new Map<NodeId, SimulatedNetwork>();
  readonly nodeIds: readonly NodeId[];
  readonly steps = new StepFaults((process) => this.kill(process));
  /** Shares of calls that fail while there are faults. */
  readonly failureRates = { driver: 0, objects: 0 };
  /** How long a process that was killed stays away. */
  restartAfterMs: () => number = () => 1_000;
  /** Told of each commit; may kill. */
  onCommit: (process: SimulatedProcess) => void = () => {};
  /** Asked before and after each operation of a hypervisor. */
  plant: (operation: string, moment: 'before' | 'after') => Error | undefined = () => undefined;
  crashes = 0;
  readonly #options: WorldOptions;
  readonly #mount: ReturnType<typeof mountFiles>;
  readonly #running = new Map<string, Running>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.simulation = new Simulation(options.seed);
    this.messages = new Messages(this.simulation);
    this.#mount = mountFiles('/simulated');
    this.files = this.#mount.files;
    this.nodeIds = Array.from({ length: options.nodes }, (_, at) => nodeName(at));
    for (const id of this.nodeIds) this.networks.set(id, new SimulatedNetwork());
  }

  /** Starts everything; the processes are up once the simulation has run a little. */
  startAll(): void {
    for (const name of [...this.nodeIds, 'storage', 'cluster', 'cloud']) this.start(name);
  }

  get names(): string[] {
    return [...CONTROLLERS, ...this.nodeIds];
  }

  isUp(name: string): boolean {
    return this.#running.has(name);
  }

  start(name: string): void {
    const process = new SimulatedProcess(this.simulation, name);
    this.simulation.after(0, `${name} starts`, () => {
      this.files.thaw(name);
      this.#launch(process).then(
        (running) => {
          if (process.isAlive) this.#running.set(name, running);
        },
        (error) => this.simulation.violate(`${name} does not start: ${describe(error)}`),
      );
    });
  }

  /** The end without a goodbye; the process comes again after its time. */
  crash(name: string): void {
    const running = this.#running.get(name);
    if (running !== undefined) this.kill(running.process);
  }

  kill(process: SimulatedProcess): void {
    if (!process.isAlive) return;
    const { name } = process;
    process.kill();
    this.crashes += 1;
    this.files.freeze(name);
    this.#running.delete(name);
    // What the dying process does in this event may still use its connection; nothing comes of it.
    const close = () => void this.databases.closeOf(process);
    this.simulation.after(0, `${name} is gone`, close);
    this.simulation.after(1 + this.restartAfterMs(), `${name} may start`, () => this.start(name));
  }

  /** Ends a process politely and starts it again. */
  restart(name: string): void {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    const again = () => {
      running.process.kill();
      this.start(name);
    };
    void running.stop().then(again);
  }

  isQuiet(): boolean {
    const running = [...this.#running.values()];
    return running.length === this.names.length && running.every(({ isQuiet }) => isQuiet());
  }

  [Symbol.dispose](): void {
    for (const { process } of this.#running.values()) process.kill();
    this.databases[Symbol.dispose]();
    this.#mount[Symbol.dispose]();
  }

  #launch(process: SimulatedProcess): Promise<Running> {
    switch (process.name) {
      case 'cloud':
        return this.#startCloud(process);
      case 'cluster':
        return this.#startCluster(process);
      case 'storage':
        return this.#startStorage(process);
      default:
        return this.#startNode(process, process.name as NodeId);
    }
  }

  async #startCloud(process: SimulatedProcess): Promise<Running> {
    const patience = { timeoutMs: CONTROLLER_TIMEOUT_MS };
    const service = await startCloud({
      ...this.#shared('cloud', process),
      region: REGION,
      zone: `${REGION}a`,
      vpcCidr: '172.16.0.0/12',
      cluster: this.messages.connect<ClusterClient>(process, 'cluster', patience),
      storage: this.messages.connect<StorageClient>(process, 'storage', patience),
    });
    const { principal } = await service.adminKey();
    const { accountId } = principal;
    const context = { requestId: 'r', principal, accountId, region: REGION, dryRun: false };
    const call = (action: string, input: unknown) => service.ec2.call(action, context, input);
    this.messages.serve(process, { call });
    return running(process, service);
  }

  async #startCluster(process: SimulatedProcess): Promise<Running> {
    const service = await startCluster({
      ...this.#shared('cluster', process),
      zone: `${REGION}a`,
      // A node that hangs never answers: the deadline for it is the cluster's own.
      nodes: this.nodeIds.map((nodeId) => ({
        nodeId,
        client: this.messages.connect<NodeClient>(process, nodeId),
      })),
    });
    this.messages.serve(process, service.client);
    return running(process, service);
  }

  async #startStorage(process: SimulatedProcess): Promise<Running> {
    const service = await startStorage({
      compressor: PROMPT_COMPRESSOR,
      ...this.#shared('storage', process),
      commands: this.#commands(),
      target: 'simulated',
      drivers: (drivers) => withEmptyVolumes(drivers, (...taken) => this.#checkUnplugged(...taken)),
    });
    this.messages.serve(process, service.client);
    return running(process, service);
  }

  async #startNode(process: SimulatedProcess, nodeId: NodeId): Promise<Running> {
    const service = await startNode({
      ...this.#shared('node', process),
      nodeId,
      hypervisor: 'simulated',
      network: this.networks.get(nodeId)!,
      commands: this.#commands(),
      capacity: NODE_CAPACITY,
      simulated: {
        delayMs: this.#options.driverDelayMs ?? [0, 0],
        fail: (operation, id, moment) => this.#onDriver(nodeId, operation, id, moment),
      },
    });
    this.messages.serve(process, service.client);
    return running(process, service);
  }

  #shared(service: string, process: SimulatedProcess) {
    const { clock, random } = process;
    const rate = () => this.failureRates.objects;
    return {
      dataDir: `${this.files.prefix}/${process.name}`,
      clock,
      random,
      logger: this.#logger(process),
      objects: objectsFor(process, this.objects, this.simulation, rate),
      openDatabase: this.#opener(process),
      aroundStep: this.steps.aroundStep(service, process),
    };
  }

  #opener(process: SimulatedProcess): OpenDatabase {
    return this.databases.openerFor(process, () => this.onCommit(process));
  }

  #logger(process: SimulatedProcess): Logger {
    const { log } = this.#options;
    if (log === undefined) return silentLogger;
    const fields = { process: process.name };
    return createLogger({ write: log, nowMs: process.clock.nowMs, level: 'debug', fields });
  }

  /** `cp` alone is ever asked for: it is how a simulated target freezes a volume. */
  #commands(): Commands {
    const run: Commands['run'] = async (file, args) => {
      const [from, to] = args.slice(-2);
      if (file !== 'cp' || from === undefined || to === undefined)
        throw new Error(`no ${file} here`);
      this.files.copy(from, to);
      return { stdout: '', stderr: '', exitCode: 0 };
    };
    const refuse = async () => {
      throw new Error('simulated hosts start no processes');
    };
    return { run, runInteractive: refuse, startDetached: refuse, startAttached: refuse };
  }

  #onDriver(
    nodeId: NodeId,
    operation: string,
    id: InstanceId,
    moment: 'before' | 'after',
  ): Error | undefined {
    if (moment === 'after' && operation === 'start') this.#checkAlone(nodeId, id);
    const planted = this.plant(operation, moment);
    if (planted !== undefined) return planted;
    if (!this.simulation.happens(this.failureRates.driver / 2)) return undefined;
    return new Error(`planted: ${moment} ${operation} of ${id}`);
  }

  /** Nobody of these users forces a volume out, so a guest has let go of it before it is closed. */
  #checkUnplugged(id: VolumeId, opening?: number): void {
    const own = opening === undefined ? '' : this.#holderOf(id, opening);
    for (const nodeId of this.nodeIds) {
      const folder = `/simulated/${nodeId}/simulated-guests`;
      for (const name of this.files.list(folder).filter((each) => each.startsWith(own))) {
        const guest = this.files.peek(`${folder}/${name}`)?.toString() ?? '';
        const isOpen = guest.includes('"power":"running"') && guest.includes(id);
        if (isOpen) this.simulation.violate(`${id} is taken from the running guest ${name}`);
      }
    }
  }

  /** The instance that has the opening; nobody's name where it is taken by force. */
  #holderOf(id: VolumeId, opening: number): string {
    const [row] = this.databases.rows(
      '/simulated/storage/storage.db',
      `select opened_to from volume where id = '${id}'`,
    );
    const openings = JSON.parse(String(row?.['opened_to'] ?? '[]')) as Opening[];
    const holder = openings.find(({ number }) => number === opening)?.instanceId;
    const forced = this.databases.rows(
      '/simulated/cloud/cloud.db',
      `select instance_id from attachment where volume_id = '${id}' and force = 1`,
    );
    const isForced = forced.some((one) => one['instance_id'] === holder);
    return holder === undefined || isForced ? 'nobody' : holder;
  }

  /** Looks at a few nodes only in very large clouds, where the check at the end finds the rest. */
  #checkAlone(nodeId: NodeId, id: InstanceId): void {
    const others = this.nodeIds.slice(0, 100).filter((other) => other !== nodeId);
    const double = others.find((other) => this.files.has(guestPath(other, id)));
    if (double !== undefined) this.simulation.violate(`${id} runs on ${nodeId} and on ${double}`);
  }
}

export function guestPath(nodeId: NodeId, id: InstanceId): string {
  return `/simulated/${nodeId}/simulated-guests/${id}.json`;
}

function nodeName(at: number): NodeId {
  return `node-${String(at).padStart(5, '0')}`;
}

function running(
  process: SimulatedProcess,
  service: { isQuiet: () => boolean } & AsyncDisposable,
): Running {
  return {
    process,
    isQuiet: () => service.isQuiet(),
    stop: async () => await service[Symbol.asyncDispose](),
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
