// Owns a volume on this host and another host that opens it through a gate: a network name space behind a slow wire.

import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Namespace } from '@ironbark/node/testing/guest-namespace.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { useControllers } from '@ironbark/platform/control-groups.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { serviceUid } from '@ironbark/platform/service-users.ts';
import type { NbdGate, NbdGates } from '@ironbark/protocol/internal/nbd-gates.ts';
import { openDaemonEnclosure } from '@ironbark/storage/drivers/daemon-enclosure.ts';
import { openNbdGates } from '@ironbark/storage/drivers/nbd-gates.ts';
import { volumeUsersOf } from '@ironbark/storage/drivers/volume-users.ts';
import { Harness, NODE, volume, volumeId } from '@ironbark/storage/testing/harness.ts';
import { renderWrites, shareOfWire, WIRE_SHAPE } from './wire-writes.ts';

export const VOLUME = volumeId(1);
const NAME = `ibg${process.pid}`;
const HOST = '198.51.100.1';
const SIZE_BYTES = 64 * 1024 * 1024;

export interface Credentials {
  user: string;
  key: string;
}

export class GateLab implements AsyncDisposable {
  readonly harness: Harness;
  readonly gates: NbdGates;
  readonly place = { address: HOST, sizeBytes: SIZE_BYTES };
  readonly #other: Namespace;
  readonly #keys: string;

  private constructor(harness: Harness, gates: NbdGates, other: Namespace, keys: string) {
    this.harness = harness;
    this.gates = gates;
    this.#other = other;
    this.#keys = keys;
  }

  static async make(): Promise<GateLab> {
    await using making = new AsyncDisposableStack();
    const harness = making.use(await Harness.start());
    await harness.put(volume(1, { sizeBytes: SIZE_BYTES, exportTo: NODE }));
    await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
    const other = making.use(await Namespace.create('gate'));
    await other.connect(NAME);
    await systemCommands.run('ip', ['address', 'add', `${HOST}/30`, 'dev', NAME]);
    await other.configure('198.51.100.2/30');
    await systemCommands.run('tc', [
      ...['-n', other.name, 'qdisc', 'add', 'dev', 'eth0'],
      ...WIRE_SHAPE,
    ]);
    const gates = openNbdGates(await gateHost(harness.dataDir));
    making.defer(() => gates.close(VOLUME));
    const keys = await mkdtemp(join(tmpdir(), 'ironbark-keys-'));
    making.defer(() => rm(keys, { recursive: true, force: true }));
    const lab = new GateLab(harness, gates, other, keys);
    const made = making.move();
    lab[Symbol.asyncDispose] = () => made.disposeAsync();
    return lab;
  }

  /** Writes with so many in flight, as a share of what the wire carries. */
  async measureWrites(gate: NbdGate, depth: number): Promise<number> {
    await using client = await this.#openClient(gate);
    const { stdout } = await systemCommands.run('qemu-img', renderWrites(depth, client.uri));
    return shareOfWire(stdout);
  }

  /** Runs qemu-io over there; throws when it cannot come in or a pattern is not there. */
  async io(gate: NbdGate, credentials: Credentials | undefined, ...steps: string[]) {
    const image = await this.#image(gate, credentials);
    const commands = steps.flatMap((step) => ['-c', step]);
    const { stdout } = await this.#run(['qemu-io', ...commands, ...image]);
    if (/failed/i.test(stdout)) throw new Error(stdout);
  }

  /** The other host's end, as its node would have it: a client of the gate that serves a Unix socket. */
  async #openClient(gate: NbdGate): Promise<AsyncDisposable & { uri: string }> {
    const { export: at, user } = gate;
    if (at.kind !== 'nbd-tcp') throw new Error('a gate is on TCP');
    await this.#writeKey(gate);
    const path = join(this.#keys, 'socket');
    const server = `server.type=inet,server.host=${at.host},server.port=${at.port}`;
    const tls = `tls-creds-psk,id=tls,dir=${this.#keys},endpoint=client,username=${user}`;
    const node = `driver=nbd,node-name=n,${server},export=${at.exportName},tls-creds=tls`;
    const serve = ['--nbd-server', `addr.type=unix,addr.path=${path}`];
    const exported = ['--export', 'type=nbd,id=e,node-name=n,name=v,writable=on'];
    const args = ['--object', tls, '--blockdev', node, ...serve, ...exported];
    const program = ['netns', 'exec', this.#other.name, 'qemu-storage-daemon', ...args];
    const client = await systemCommands.startAttached('ip', program, {
      cwd: this.#keys,
      env: { PATH: CLEAN_ENVIRONMENT['PATH']! },
    });
    const dispose = async () => {
      client.kill('SIGTERM');
      await client.ended;
      await rm(path, { force: true });
    };
    const what = 'the other end';
    await waitFor(
      () =>
        access(path).then(
          () => true,
          () => false,
        ),
      { clock: systemClock, timeoutMs: 10_000, what },
    );
    return { uri: `nbd+unix:///v?socket=${path}`, [Symbol.asyncDispose]: dispose };
  }

  async #writeKey({ user, key }: Credentials): Promise<void> {
    await writeFile(join(this.#keys, 'keys.psk'), `${user}:${key}\n`, { mode: 0o600 });
  }

  async #image({ export: at }: NbdGate, credentials: Credentials | undefined): Promise<string[]> {
    if (at.kind !== 'nbd-tcp') throw new Error('a gate is on TCP');
    const server = `server.type=inet,server.host=${at.host},server.port=${at.port}`;
    const image = `driver=raw,file.driver=nbd,file.export=${at.exportName}`;
    const options = server.replaceAll('server.', 'file.server.');
    if (credentials === undefined) return ['--image-opts', `${image},${options}`];
    const { user } = credentials;
    await this.#writeKey(credentials);
    const tls = `tls-creds-psk,id=tls,dir=${this.#keys},endpoint=client,username=${user}`;
    return ['--object', tls, '--image-opts', `${image},${options},file.tls-creds=tls`];
  }

  #run(command: readonly string[]) {
    const args = ['netns', 'exec', this.#other.name, ...command];
    return systemCommands.run('ip', args, { timeoutMs: 60_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** As root's process has it for the volumes' daemons. */
async function gateHost(dataDir: string) {
  const parts = { commands: systemCommands, clock: systemClock, random: systemRandom };
  const users = volumeUsersOf(resolve(dataDir), serviceUid('block-targets', resolve(dataDir)));
  const place = { dataDir: resolve(dataDir), users, ...parts };
  const { enclosure } = await openDaemonEnclosure(place);
  const controlGroups = await useControllers('ironbark-none', [], systemClock);
  return { ...place, enclosure, controlGroups, findPlace: async () => ({ kind: 'file' as const }) };
}
