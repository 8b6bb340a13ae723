// Owns the composition of the Node Controller: what a node consists of, and how it comes up and goes down.

import { hostname } from 'node:os';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, InterfaceId, NodeId, SubnetId } from '@ironbark/core/ids.ts';
import { isolatesTenants } from '@ironbark/core/tenancy.ts';
import { type Clock, renderTime, waitFor } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import {
  type AroundStep,
  type ReconcilerHandle,
  ReconcilerRunner,
  takeStep,
} from '@ironbark/platform/reconciler.ts';
import { isListening } from '@ironbark/platform/sockets.ts';
import type { GuestTargets } from '@ironbark/protocol/internal/guest-targets.ts';
import type {
  InstanceIntent,
  InstanceObservation,
  NodeCapacity,
  NodeIntent,
  NodeReport,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { ConsoleOutput, NodeClient } from '@ironbark/protocol/internal/node-client.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import { readCapacity } from './app/capacity.ts';
import { ConsoleLog } from './app/console-log.ts';
import { createFiles } from './app/create-files.ts';
import { FlowWindows } from './app/flow-windows.ts';
import { GuestSlots, type GuestUsers, openGuestUsers } from './app/guest-users.ts';
import { MemoryLedger } from './app/memory.ts';
import { readNetwork } from './app/network-readings.ts';
import { Ports } from './app/ports.ts';
import { ReportBoard } from './app/report-board.ts';
import { readVolumes } from './app/volume-readings.ts';
import type {
  DiskStats,
  DriverFingerprint,
  HypervisorDriver,
} from './drivers/hypervisor-driver.ts';
import { createQemuDriver } from './drivers/qemu/driver.ts';
import { createSimulatedDriver, type SimulatedOptions } from './drivers/simulated/driver.ts';
import { guestVolumeDesk, openGuestVolumes } from './guest-volume-parts.ts';
import type { HostNetwork } from './host/host-network.ts';
import { readIoCalibration } from './host/io-calibration.ts';
import { openTap } from './host/tap-device.ts';
import { createTargetWatch, type GateOptions, type TargetWatch } from './host/target-watch.ts';
import type { GuestVolumeDesk } from './http/guest-volume-answers.ts';
import { saveConsole } from './reconcilers/apply-step.ts';
import { createFlowReconciler } from './reconcilers/flow-windows.ts';
import { InstanceReconciler } from './reconcilers/instance.ts';
import type { InstanceContext } from './reconcilers/instance-context.ts';
import { createNetworkReconciler, WHOLE_NETWORK } from './reconcilers/network.ts';
import { readGuestWork } from './reconcilers/observe-guest-volumes.ts';
import { IntentStore } from './store/intent.ts';
import { RecordStore } from './store/records.ts';

export interface NodeOptions extends GateOptions {
  /** The node's own folder; nobody else writes there. */
  dataDir: string;
  nodeId: NodeId;
  facts?: Pick<NodeReport, 'version' | 'underlayAddress' | 'opensGates'>;
  hypervisor: 'qemu' | 'simulated';
  /** Stays the caller's: it is not disposed with the node. */
  network: HostNetwork;
  objects: Pick<ObjectsClient, 'getObject'>;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  commands: Commands;
  simulated?: SimulatedOptions;
  /**
   * Awaited before guests are looked at when one of their volumes is not served: it may keep its hypervisor from
   * answering. Absent: volumes are served already.
   */
  volumesServed?: () => Promise<void>;
  /** What opens volumes to guests that drive them; stays the caller's. Absent: only simulated guests do. */
  guestTargets?: GuestTargets;
  /** What the node says it has, instead of what it finds. */
  capacity?: Partial<NodeCapacity>;
  /** Tests interfere with steps. */
  aroundStep?: AroundStep;
}

/** Disposing it leaves the guests running; the next node on the folder takes them up again. */
export interface NodeController extends AsyncDisposable {
  readonly client: NodeClient;
  readonly fingerprint: DriverFingerprint;
  /** For the metadata service, too: what it says to guests of their own volumes, and hears. */
  readonly guestVolumes: GuestVolumeDesk;
  /** For the metadata service: who asks from this address. */
  findInstanceByAddress(ip: string, vpcId?: string): InstanceIntent | undefined;
  /** The guest has asked for its metadata: a sign of life from inside. */
  onMetadataRead(id: InstanceId): void;
  /** Counters of the guest's disks since it started. Throws not-found / instance, incorrect-state when it is off. */
  readDiskStats(id: InstanceId): Promise<DiskStats[]>;
  /**
   * Stops all guests, by asking and after the time by force, and removes their ports. Disks and intent stay: the
   * next node on the folder boots them again. From then on the node leaves the host alone: its network can be
   * taken away. Dispose the node afterwards.
   */
  halt(options: { timeoutMs: number }): Promise<void>;
  /** Every instance is as its intent wants it, or has failed, and nothing is under way. */
  isQuiet(): boolean;
}

/** Guests that are taken up, started or stopped at the same time. */
const CONCURRENCY = 32;
/** The first look at a hundred guests takes a fifth of this. */
const FIRST_LOOK_MS = 1_000;
/** After the guests had their time, destroying them and removing ports gets this much. */
const HALT_FORCE_MS = 30_000;

export async function startNode(options: NodeOptions): Promise<NodeController> {
  const startedMs = options.clock.monotonicMs();
  await ensureDirectory(options.dataDir);
  const isRoot = process.getuid?.() === 0;
  const users = await openGuestUsers(options.dataDir, isRoot);
  const driver = await createDriver(options, users);
  const fingerprint = await driver.fingerprint();
  options.logger.info('hypervisor probed', { ...fingerprint });
  const context = await createContext(options, { users, driver });
  const node = new Node(options, context, fingerprint);
  await untilVolumesAreServed(context, options);
  await node.start();
  const { instances } = await node.client.getReport();
  const running = instances.filter(({ power }) => power === 'running').length;
  const tookMs = Math.round(options.clock.monotonicMs() - startedMs);
  options.logger.info('guests taken up', { running, tookMs });
  return node;
}

/** Targets outlive what started them: as a rule there is nothing to wait for. */
async function untilVolumesAreServed(
  { intents }: InstanceContext,
  { volumesServed }: NodeOptions,
): Promise<void> {
  if (volumesServed === undefined) return;
  const served = await Promise.all(intents.targets().map((each) => isListening(each.socketPath)));
  if (!served.every(Boolean)) await volumesServed();
}

async function createDriver(options: NodeOptions, users: GuestUsers): Promise<HypervisorDriver> {
  const { dataDir, clock, commands, random } = options;
  if (options.hypervisor === 'qemu') {
    return createQemuDriver({ commands, clock, dataDir, openTap, probeUid: users.probeUid });
  }
  const stateDir = join(dataDir, 'simulated-guests');
  return createSimulatedDriver({ ...options.simulated, clock, random, stateDir });
}

async function createContext(
  options: NodeOptions,
  { users, driver }: { users: GuestUsers; driver: HypervisorDriver },
): Promise<InstanceContext> {
  const { dataDir, clock, random, logger, network, gates } = options;
  const intents = await IntentStore.open(dataDir, options.nodeId);
  const records = await RecordStore.open(dataDir);
  const slots = new GuestSlots(records.list().map(({ id, slot }) => [id, slot] as const));
  const capacity = { ...(await readCapacity(dataDir)), ...options.capacity };
  const files = await createFiles(options);
  const held = () =>
    records.list().flatMap(({ nicProfiles }) => Object.keys(nicProfiles) as InterfaceId[]);
  const ports = new Ports(network, intents, clock, held);
  const memory = new MemoryLedger(capacity.memoryMib);
  const console = new ConsoleLog(dataDir);
  const stores = { intents, records, files, slots, users };
  const aroundStep = options.aroundStep ?? takeStep;
  const host = { driver, ports, memory, console, ...openGuestVolumes(options, records) };
  return { dataDir, clock, random, logger, aroundStep, gates, ...stores, ...host };
}

class Node implements NodeController {
  readonly client: NodeClient;
  readonly fingerprint: DriverFingerprint;
  readonly guestVolumes: GuestVolumeDesk;
  readonly #options: NodeOptions;
  readonly #context: InstanceContext;
  readonly #board = new ReportBoard();
  readonly #flows: FlowWindows;
  readonly #instances: InstanceReconciler;
  readonly #runner: ReconcilerRunner;
  #instanceQueue: ReconcilerHandle | undefined;
  #networkQueue: ReconcilerHandle | undefined;
  readonly #targets: TargetWatch;
  /** While going down: what `running` becomes. */
  #halting: { force: boolean } | undefined;

  constructor(options: NodeOptions, context: InstanceContext, fingerprint: DriverFingerprint) {
    this.#options = options;
    this.#context = context;
    this.fingerprint = fingerprint;
    this.#flows = new FlowWindows(options.clock.nowMs());
    this.guestVolumes = guestVolumeDesk(context.guestVolumes, (id) =>
      this.#instanceQueue?.poke(id),
    );
    this.#runner = new ReconcilerRunner(options);
    this.#instances = new InstanceReconciler({
      context,
      fingerprint,
      findDesired: (id) => this.#findDesired(id),
      publish: (observation, isSettled) => this.#publish(observation, isSettled),
    });
    const onChange = (socketPath: string) => this.#pokeUsersOf(socketPath);
    this.#targets = createTargetWatch({ logger: options.logger, onChange, gates: options.gates });
    this.client = {
      putIntent: (intent) => this.#putIntent(intent),
      getReport: () => this.#getReport(),
      getConsoleOutput: (id) => this.#getConsoleOutput(id),
      readVolumes: () =>
        readVolumes({
          ...context,
          readGuestWork: (id) => readGuestWork(context, id),
          readDevice: () => readIoCalibration(options.dataDir),
        }),
      readNetwork: () => readNetwork(context, options),
      readFlows: async (after) => this.#flows.read(after),
      onChange: (listener) => this.#board.onChange(listener),
    };
  }

  /** Takes up what runs before anything is changed, so that the first report is true. */
  async start(): Promise<void> {
    const { intents, driver, ports } = this.#context;
    await ports.refresh();
    await this.#lookAtAll(intents.instances().map(({ id }) => id));
    driver.onGuestChange((id) => this.#instanceQueue?.poke(id));
    this.#targets.follow(intents.targets());
    this.#context.guestTargets?.onEnd((subnetId) => this.#pokeGuestsIn(subnetId));
    this.#networkQueue = this.#runner.add(createNetworkReconciler(ports, this.#context.aroundStep));
    const { clock, network } = this.#options;
    this.#runner.add(createFlowReconciler(clock, network, this.#flows));
    this.#instanceQueue = this.#runner.add(this.#instances, { concurrency: CONCURRENCY });
  }

  /** A guest whose hypervisor does not answer holds up nobody else: it is reported once that is certain. */
  async #lookAtAll(ids: readonly InstanceId[]): Promise<void> {
    const { clock, logger } = this.#context;
    const looks = ids.map((id) =>
      this.#instances.look(id).catch((error: unknown) => {
        // Its reconciler looks again.
        logger.warn('an instance cannot be looked at', { instance: id, error });
      }),
    );
    const done = new AbortController();
    const enough = clock.sleep(FIRST_LOOK_MS, done.signal).catch(() => {});
    await Promise.race([Promise.all(looks), enough]);
    done.abort();
  }

  #publish(observation: InstanceObservation, isSettled: boolean): void {
    this.#board.publish(observation, isSettled);
    // A simulated guest asks nobody for its metadata; it is alive as soon as it runs.
    const isSimulated = this.#options.hypervisor === 'simulated';
    if (isSimulated && observation.power === 'running') this.onMetadataRead(observation.id);
  }

  #findDesired(id: InstanceId): InstanceIntent | undefined {
    const intent = this.#context.intents.find(id);
    if (intent === undefined || this.#halting === undefined || intent.power !== 'running') {
      return intent;
    }
    return { ...intent, power: 'stopped', forceStop: this.#halting.force };
  }

  async #putIntent(intent: NodeIntent): Promise<void> {
    const { intents } = this.#context;
    const isNewer = await intents.put(intent, (id) => this.#board.isEnded(id));
    if (!isNewer) return;
    const known = new Set(intents.instances().map(({ id }) => id));
    for (const id of this.#board.keepOnly(known)) this.#instances.forget(id);
    this.#networkQueue?.poke(WHOLE_NETWORK);
    for (const id of known) this.#instanceQueue?.poke(id);
    this.#context.guestVolumes.changed();
    this.#targets.follow(intents.targets());
    this.#board.notify();
  }

  #pokeUsersOf(socketPath: string): void {
    for (const { id } of this.#context.intents.usersOf(socketPath)) this.#instanceQueue?.poke(id);
  }

  /** Their volumes were served by a target that has ended. */
  #pokeGuestsIn(subnetId: SubnetId): void {
    for (const { id, interfaces } of this.#context.intents.instances()) {
      const isThere = interfaces.some((each) => each.subnetId === subnetId);
      if (isThere) this.#instanceQueue?.poke(id);
    }
  }

  async #getReport(): Promise<NodeReport> {
    const { clock, nodeId, network, facts, dataDir, capacity } = this.#options;
    return {
      nodeId,
      hostname: hostname(),
      ...facts,
      reportedAt: renderTime(clock.nowMs()),
      intentGeneration: this.#context.intents.generation,
      intentIsKept: this.#context.intents.isKept,
      hypervisor: this.fingerprint.hypervisor,
      accelerator: this.fingerprint.accelerator,
      isolatesTenants: isolatesTenants(this.fingerprint.accelerator),
      isolationGaps: this.fingerprint.isolationGaps,
      network: network.kind,
      keepsVpcs: network.kind === 'bridge',
      capacity: { ...(await readCapacity(dataDir)), ...capacity },
      instances: this.#board.list(),
    };
  }

  async #getConsoleOutput(id: InstanceId): Promise<ConsoleOutput> {
    const record = this.#context.records.find(id);
    if (record === undefined && this.#context.intents.find(id) === undefined)
      throw unknownInstance(id);
    const isUp = record?.handle !== undefined && record.handle.pid !== 0;
    if (isUp) await saveConsole(this.#context, record.handle!);
    return this.#context.console.read(id);
  }

  findInstanceByAddress(ip: string, vpcId?: string): InstanceIntent | undefined {
    return this.#context.intents.findByAddress(ip, vpcId);
  }

  onMetadataRead(id: InstanceId): void {
    const { records, clock, logger } = this.#context;
    const record = records.find(id);
    if (record === undefined || record.reachableAt !== undefined) return;
    records
      .change(id, { reachableAt: renderTime(clock.nowMs()) })
      .then(() => this.#instanceQueue?.poke(id))
      .catch((error: unknown) =>
        logger.warn('a sign of life was not kept', { instance: id, error }),
      );
  }

  async readDiskStats(id: InstanceId): Promise<DiskStats[]> {
    const record = this.#context.records.find(id);
    if (record === undefined) throw unknownInstance(id);
    if (record.handle === undefined || record.handle.pid === 0) {
      throw new ServiceError({
        kind: 'incorrect-state',
        resource: 'instance',
        message: `${id} does not run, so its disks have no counters.`,
      });
    }
    const own = await readGuestWork(this.#context, id);
    return [
      ...(await this.#context.driver.diskStats(record.handle)),
      ...own.map(({ volumeId, work }) => ({ serial: volumeId, ...work.counters })),
    ];
  }

  async halt({ timeoutMs }: { timeoutMs: number }): Promise<void> {
    this.#board.freeze();
    this.#halting = { force: false };
    this.#instanceQueue?.resync();
    const wait = { clock: this.#options.clock, what: 'all guests are off' };
    const graceful = waitFor(() => this.#isDown(), { ...wait, timeoutMs });
    if (!(await graceful.catch(() => false))) {
      this.#halting = { force: true };
      this.#instanceQueue?.resync();
      await waitFor(() => this.#isDown(), { ...wait, timeoutMs: HALT_FORCE_MS });
    }
    // Subnets that are looked after every ten seconds would come back.
    await this.#runner[Symbol.asyncDispose]();
  }

  #isDown(): boolean {
    const { intents, records, ports } = this.#context;
    return intents.instances().every((intent) => {
      const isOff = records.find(intent.id)?.handle === undefined;
      return isOff && ports.existingOf(intent).length === 0;
    });
  }

  isQuiet(): boolean {
    const ids = this.#context.intents.instances().map(({ id }) => id);
    return this.#runner.isQuiet() && ids.every((id) => this.#board.isSettled(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#targets[Symbol.dispose]();
    await this.#runner[Symbol.asyncDispose]();
    await this.#context.driver[Symbol.asyncDispose]();
  }
}

function unknownInstance(id: InstanceId): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'instance',
    message: `The instance ID '${id}' does not exist on this node.`,
  });
}
