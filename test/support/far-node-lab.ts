// Owns a volume of this host and a node on another one that has it, without their daemons: the Storage Controller with its
// gates, and the node's clients, which run in a network name space.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientHost, openClientHost } from '@ironbark/node/drivers/gates/client-processes.ts';
import { type FollowedVolume, GateClients } from '@ironbark/node/drivers/gates/gate-clients.ts';
import { Namespace } from '@ironbark/node/testing/guest-namespace.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { CommandError, type Commands, systemCommands } from '@ironbark/platform/commands.ts';
import { CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { isListening } from '@ironbark/platform/sockets.ts';
import type { GateAccess } from '@ironbark/protocol/internal/nbd-gates.ts';
import type { StorageVolumeIntent } from '@ironbark/protocol/internal/storage-client.ts';
import type { StorageOptions } from '@ironbark/storage/main.ts';
import { Harness, NODE, volume, volumeId } from '@ironbark/storage/testing/harness.ts';

export const VOLUME = volumeId(1);
export const SIZE_BYTES = 64 * 1024 * 1024;
const WIRE = `ibf${process.pid}`;
export const HOSTS = ['198.51.100.5', '198.51.100.6'] as const;
const PATIENCE_S = 60;
/** Beyond what the tests look at. */
const WRITTEN_AT_MIB = 32;

export interface FarNodeOptions {
  /** IPv4 of the storage's and the other host, in a network of four addresses. */
  hosts?: readonly [string, string];
  storage?: Partial<StorageOptions>;
  /** What the volume is, besides being 64 MiB long. */
  kind?: Partial<StorageVolumeIntent>;
  /** For how long nothing may come of a write: Ceph lets go of a daemon that was killed after half a minute. */
  patienceS?: number;
}

export interface Writer extends AsyncDisposable {
  /** Some writes that were asked for from now on have ended, and none failed. */
  untilMore(): Promise<void>;
}

const REFUSED = /can't open: [^\n]*Connection refused/;

export class FarNodeLab implements AsyncDisposable {
  readonly harness: Harness;
  readonly clients: ClientHost;
  readonly #space: Namespace;
  readonly #front: string;
  readonly #patienceS: number;
  readonly kind: Partial<StorageVolumeIntent>;
  #node: GateClients;
  #followed: FollowedVolume[] = [];
  #opening = 1;
  #parts = new AsyncDisposableStack();

  private constructor(
    harness: Harness,
    far: {
      clients: ClientHost;
      space: Namespace;
      node: GateClients;
      front: string;
      patienceS: number;
    },
    kind: Partial<StorageVolumeIntent>,
  ) {
    this.harness = harness;
    this.clients = far.clients;
    this.#space = far.space;
    this.#front = far.front;
    this.#patienceS = far.patienceS;
    this.#node = far.node;
    this.kind = { sizeBytes: SIZE_BYTES, ...kind };
  }

  static async make(options: FarNodeOptions = {}): Promise<FarNodeLab> {
    const { hosts = HOSTS, storage = {}, kind = {}, patienceS = PATIENCE_S } = options;
    const [front, other] = hosts;
    await using making = new AsyncDisposableStack();
    const space = making.use(await Namespace.create('far'));
    await space.connect(WIRE);
    await systemCommands.run('ip', ['address', 'add', `${front}/30`, 'dev', WIRE]);
    await space.configure(`${other}/30`);
    const harness = making.use(await Harness.start({ ...storageAt(front), ...storage }));
    const folder = await mkdtemp(join(tmpdir(), 'ib-far-'));
    making.defer(() => rm(folder, { recursive: true, force: true }));
    await systemCommands.run('chmod', ['711', folder]);
    const commands = commandsIn(space.name);
    const directory = join(folder, 'gates');
    const { host } = await openClientHost({ directory, commands, clock: systemClock });
    const node = await openNode(harness, host, front);
    const far = { clients: host, space, node, front, patienceS };
    const lab = new FarNodeLab(harness, far, kind);
    making.defer(() => lab.#node.endAll());
    making.defer(() => harness.storage.halt());
    lab.#parts = making.move();
    return lab;
  }

  /** The storage lets the node in, and the node's document names the volume. */
  async attach(generation = 1, opening = 1): Promise<void> {
    this.#opening = opening;
    await this.put(generation, { exportTo: NODE });
    await this.harness.untilVolume(VOLUME, ({ export: at }) => {
      return at?.kind === 'nbd-gate' && at.opening === opening;
    });
    this.follow([{ socketPath: this.socket, sizeBytes: SIZE_BYTES }]);
    await this.harness.until('the client serves', () => isListening(this.socket));
  }

  /** What is wanted of the volume from now on. */
  put(generation: number, changes: Partial<StorageVolumeIntent> = {}): Promise<void> {
    return this.harness.put(volume(1, { ...this.kind, generation, ...changes }));
  }

  /** Out of the other host's reach, and open on this one. */
  async bringHome(generation: number, sizeBytes = SIZE_BYTES) {
    await this.put(generation, { exportTo: 'node-front', sizeBytes });
    this.follow([]);
    return await this.harness.untilVolume(VOLUME, (each) => each.export?.kind === 'nbd-unix');
  }

  /** As the cloud does it: the node's document has the new length once the storage has. */
  async grow(generation: number, sizeBytes: number): Promise<void> {
    await this.put(generation, { exportTo: NODE, sizeBytes });
    await this.harness.untilVolume(VOLUME, (each) => each.generation === generation);
    this.follow([{ socketPath: this.socket, sizeBytes }]);
    await this.harness.until('a longer disk there', async () => {
      return (await this.readSize().catch(() => undefined)) === sizeBytes;
    });
  }

  /** What its node says of a volume of this length before it lets a guest ask there. */
  isLongEnough(sizeBytes: number): boolean {
    return this.#node.isLongEnough({ socketPath: this.socket, sizeBytes });
  }

  /** As a guest that asked there now would find it. */
  async readSize(): Promise<number> {
    const info = ['info', '--output', 'json', '-f', 'raw', this.#uri];
    const { stdout } = await systemCommands.run('qemu-img', info);
    return JSON.parse(stdout)['virtual-size'];
  }

  /** What its node hears of it now. */
  async findGate(): Promise<GateAccess | undefined> {
    const key = { id: VOLUME, opening: this.#opening };
    return await this.harness.storage.gates.findGate(NODE, key);
  }

  follow(volumes: FollowedVolume[]): void {
    this.#followed = volumes;
    this.#node.follow(volumes);
  }

  get socket(): string {
    return this.#node.socketOf(VOLUME, this.#opening);
  }

  get gatePidFile(): string {
    return join(this.harness.dataDir, `run/processes/${VOLUME}.gate.pid`);
  }

  get daemonPidFile(): string {
    return join(this.harness.dataDir, `run/processes/${VOLUME}.pid`);
  }

  get clientPidFile(): string {
    return join(this.clients.directory, `processes/${VOLUME}.${this.#opening}.pid`);
  }

  /** Gate, volume's daemon and client. */
  async killAll(): Promise<void> {
    for (const path of [this.gatePidFile, this.daemonPidFile, this.clientPidFile]) await kill(path);
  }

  /** The volume's, without the gate that is its client. */
  killDaemon(): Promise<void> {
    return kill(this.daemonPidFile);
  }

  async restartControllers(): Promise<void> {
    await this.harness.restart();
  }

  async restartNode(): Promise<void> {
    await this.#node[Symbol.asyncDispose]();
    this.#node = await openNode(this.harness, this.clients, this.#front);
    this.#node.follow(this.#followed);
  }

  setWire(state: 'up' | 'down') {
    return systemCommands.run('ip', ['link', 'set', WIRE, state]);
  }

  /** As a guest's QEMU: led to the socket anew when the client is another one, and patient while it is none. */
  async io(...steps: string[]): Promise<void> {
    await this.harness.until('the client serves', () => isListening(this.socket));
    const commands = steps.flatMap((step) => ['-c', step]);
    const args = [...commands, '--image-opts', this.#patientImage];
    const timeoutMs = this.#patienceS * 1_000;
    // One that listened a moment ago may make way for another: nothing was asked of it yet.
    const attempt = () =>
      systemCommands.run('qemu-io', args, { timeoutMs }).catch((error: unknown) => {
        if (error instanceof CommandError && REFUSED.test(error.message)) return undefined;
        throw error;
      });
    const wait = { clock: systemClock, timeoutMs, intervalMs: 20, what: 'the client' };
    const { stdout } = await waitFor(attempt, wait);
    if (/failed/i.test(stdout)) throw new Error(stdout);
  }

  /** Writes one block after the other, and waits as a guest does. */
  async startWriter(atMib = WRITTEN_AT_MIB): Promise<Writer> {
    const stop = new AbortController();
    let done = 0;
    let problem: unknown;
    const image = this.#patientImage;
    const run = async () => {
      while (!stop.signal.aborted) {
        const steps = Array.from({ length: 20 }, () => ['-c', `write -P 0x77 ${atMib}M 64k`]);
        const args = [...steps.flat(), '--image-opts', image];
        const { signal } = stop;
        const { stdout } = await systemCommands.run('qemu-io', args, { signal });
        if (/failed|error/i.test(stdout)) throw new Error(stdout);
        done += 1;
      }
    };
    const running = run().catch((error: unknown) => {
      problem = error;
    });
    const untilMore = async () => {
      const wanted = done + 2;
      const probe = async () => {
        if (problem !== undefined) throw problem;
        return done >= wanted;
      };
      const timing = { clock: systemClock, timeoutMs: this.#patienceS * 1_000, intervalMs: 10 };
      await waitFor(probe, { ...timing, what: 'more writes' });
    };
    await untilMore();
    const dispose = async () => {
      stop.abort();
      await running;
    };
    return { untilMore, [Symbol.asyncDispose]: dispose };
  }

  /** As whoever has stolen the key would. */
  async comeIn({ port, user, key }: GateAccess): Promise<void> {
    const keys = await mkdtemp(join(tmpdir(), 'ib-keys-'));
    try {
      await writeUnsynced(join(keys, 'keys.psk'), `${user}:${key}\n`, { mode: 0o600 });
      const tls = `tls-creds-psk,id=tls,dir=${keys},endpoint=client,username=${user}`;
      const server = `file.server.type=inet,file.server.host=${this.#front},file.server.port=${port}`;
      const image = `driver=raw,file.driver=nbd,file.export=${VOLUME},${server},file.tls-creds=tls`;
      const program = ['qemu-io', '--object', tls, '-c', 'read 0 512', '--image-opts', image];
      await systemCommands.run('ip', ['netns', 'exec', this.#space.name, ...program]);
    } finally {
      await rm(keys, { recursive: true, force: true });
    }
  }

  get #patientImage(): string {
    const server = `file.server.type=unix,file.server.path=${this.socket}`;
    const patience = `file.reconnect-delay=${this.#patienceS},file.open-timeout=10`;
    return `driver=raw,file.driver=nbd,${server},file.export=${VOLUME},${patience}`;
  }

  get #uri(): string {
    return `nbd+unix:///${VOLUME}?socket=${this.socket}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

function storageAt(front: string): Partial<StorageOptions> {
  const nearness = { isElsewhere: (id: string) => id === NODE, findOwnAddress: () => front };
  // No key is another one's.
  return { random: systemRandom, nearness };
}

async function kill(pidFile: string): Promise<void> {
  process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
}

function openNode(harness: Harness, host: ClientHost, front: string): Promise<GateClients> {
  return GateClients.open({
    host,
    clock: systemClock,
    logger: createLogger({ write: () => {}, nowMs: () => systemClock.nowMs() }),
    findFront: async () => front,
    findGate: (key) => harness.storage.gates.findGate(NODE, key),
  });
}

/** Detached processes have the network of the name space. */
function commandsIn(space: string): Commands {
  return {
    ...systemCommands,
    startDetached: (file, args, options) => {
      const env = { ...CLEAN_ENVIRONMENT, ...options.env };
      const all = ['netns', 'exec', space, file, ...args];
      return systemCommands.startDetached('ip', all, { ...options, env });
    },
  };
}
