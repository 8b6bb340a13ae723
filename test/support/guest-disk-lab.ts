// Owns a subnet whose guests drive volumes themselves, without guests: each is a name space behind its port, or a tap that
// is spoken to frame by frame; the filters, targets and storage daemons are real.

import { resolve } from 'node:path';
import type { HostNetwork } from '@ironbark/node/host/host-network.ts';
import { type OpenTap, openTap } from '@ironbark/node/host/tap-device.ts';
import { receiveFrames, sendFrame } from '@ironbark/node/testing/frames.ts';
import { createGuest, type Namespace } from '@ironbark/node/testing/guest-namespace.ts';
import { createTestCloud, type TestCloud } from '@ironbark/node/testing/test-cloud.ts';
import { systemClock, TimeoutError, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { serviceUid } from '@ironbark/platform/service-users.ts';
import { ATA, DATA_OFFSET, renderAta } from '@ironbark/protocol/aoe/ata.ts';
import {
  BROADCAST_MAC,
  COMMAND,
  parseHeader,
  parseMac,
  renderHeader,
  VERSION,
} from '@ironbark/protocol/aoe/frame.ts';
import {
  GUEST_NBD_PORT,
  type GuestDisk,
  type GuestTargets,
} from '@ironbark/protocol/internal/guest-targets.ts';
import { openGuestTargets } from '@ironbark/storage/drivers/guest-targets/guest-targets.ts';
import { volumeUsersOf } from '@ironbark/storage/drivers/volume-users.ts';
import { Harness, NODE, volume, volumeId } from '@ironbark/storage/testing/harness.ts';
import { renderWrites, shareOfWire, WIRE_SHAPE } from './wire-writes.ts';

const MIB = 1024 * 1024;
/** An answer takes a few milliseconds. */
const SILENCE_MS = 400;
const ANSWER_MS = 5_000;
const FRAME_BYTES = 60;

/** Prints what an NBD server answers to the question for its names: the bytes, as text. */
const LIST_DISKS = `
  import { connect } from 'node:net';
  const [host, port] = process.argv.slice(1);
  const socket = connect(Number(port), host);
  const all = [];
  socket.on('data', (chunk) => {
    all.push(chunk);
    if (all.length > 1) return socket.end();
    const list = Buffer.from('IHAVEOPT\\0\\0\\0\\x03\\0\\0\\0\\0', 'latin1');
    socket.write(Buffer.concat([Buffer.from([0, 0, 0, 3]), list]));
  });
  socket.on('close', () => console.log(Buffer.concat(all).toString('latin1')));
  socket.on('error', (error) => console.log(error.code));
`;

export class GuestDiskLab implements AsyncDisposable {
  readonly harness: Harness;
  readonly targets: GuestTargets;
  readonly #cloud: TestCloud;
  readonly #network: HostNetwork;
  readonly #guests = new Map<number, Namespace>();
  readonly #taps = new Map<number, OpenTap>();

  private constructor(parts: {
    harness: Harness;
    targets: GuestTargets;
    cloud: TestCloud;
    network: HostNetwork;
  }) {
    this.harness = parts.harness;
    this.targets = parts.targets;
    this.#cloud = parts.cloud;
    this.#network = parts.network;
  }

  static async make(label: string): Promise<GuestDiskLab> {
    await using making = new AsyncDisposableStack();
    const cloud = await createTestCloud(label);
    const network = await cloud.open();
    making.defer(() => network.removeAll());
    await network.ensureSubnets([cloud.subnet]);
    const harness = making.use(await Harness.start());
    const dataDir = resolve(harness.dataDir);
    const targets = openGuestTargets({
      ...{ dataDir, commands: systemCommands, clock: systemClock, logger: silentLogger },
      users: volumeUsersOf(dataDir, serviceUid('block-targets', dataDir)),
    });
    making.defer(() => targets.endAll());
    const lab = new GuestDiskLab({ harness, targets, cloud, network });
    making.defer(() => lab.#close());
    const made = making.move();
    lab[Symbol.asyncDispose] = () => made.disposeAsync();
    return lab;
  }

  /** A volume that is open to the guest at this place of the subnet; the number is the volume's. */
  async open(number: number, place: number, how: 'aoe' | 'nbd'): Promise<GuestDisk> {
    const id = volumeId(number);
    await this.harness.put(volume(number, { sizeBytes: 16 * MIB, exportTo: NODE }));
    const seen = await this.harness.untilVolume(id, (each) => each.export !== undefined);
    if (seen.export?.kind !== 'nbd-unix') throw new Error(`${id} is not served here`);
    const { subnet } = this.#cloud;
    const port = this.#cloud.port(place);
    const disk: GuestDisk = {
      ...{ volumeId: id, subnetId: subnet.id, macAddress: port.macAddress },
      interfaceName: this.#network.hostInterface(subnet.id)!,
      ...{ shelf: place, slot: number, socketPath: seen.export.socketPath },
    };
    const key = String(number).repeat(64).slice(0, 64);
    const nbd = { hostAddress: subnet.gatewayIp, guestAddress: port.privateIp, key };
    const opened = how === 'nbd' ? { ...disk, nbd } : disk;
    await this.#network.ensurePort({
      ...port,
      carriesStorage: how === 'aoe',
      reachesNbd: how === 'nbd',
    });
    await this.targets.open(opened);
    return opened;
  }

  /** Runs qemu-io in the guest at this place; throws when it cannot come in or a pattern is not there. */
  async io(place: number, key: string, ...steps: string[]): Promise<void> {
    const commands = steps.flatMap((step) => ['-c', step]);
    const { stdout } = await this.#run(place, [
      'qemu-io',
      '-f',
      'raw',
      ...commands,
      this.#uri(key),
    ]);
    if (/failed/i.test(stdout)) throw new Error(stdout);
  }

  /** Writes over NBD with so many in flight, as a share of what the guest's wire carries. */
  async measureWrites(place: number, key: string, depth: number): Promise<number> {
    const { name } = await this.#guest(place);
    await systemCommands.run('tc', [
      ...['-n', name, 'qdisc', 'replace', 'dev', 'eth0'],
      ...WIRE_SHAPE,
    ]);
    const { stdout } = await this.#run(place, ['qemu-img', ...renderWrites(depth, this.#uri(key))]);
    return shareOfWire(stdout);
  }

  #uri(key: string): string {
    return `nbd://${this.#cloud.subnet.gatewayIp}:${GUEST_NBD_PORT}/${key}`;
  }

  /** What the target tells the guest at this place of its disks. */
  async list(place: number): Promise<string> {
    const guest = await this.#guest(place);
    return guest.script(LIST_DISKS, this.#cloud.subnet.gatewayIp, String(GUEST_NBD_PORT));
  }

  async #run(place: number, command: readonly string[]) {
    const guest = await this.#guest(place);
    return systemCommands.run('ip', ['netns', 'exec', guest.name, ...command], {
      timeoutMs: 20_000,
    });
  }

  /** A name space takes the place of the guest's tap: before a disk is opened to it. */
  async plug(place: number): Promise<void> {
    await this.#guest(place);
  }

  async #guest(place: number): Promise<Namespace> {
    const known = this.#guests.get(place);
    if (known !== undefined) return known;
    const guest = await createGuest(this.#cloud.cloudId, this.#cloud.port(place));
    this.#guests.set(place, guest);
    await this.#network.ensurePort(this.#cloud.port(place));
    await guest.configure(`${this.#cloud.address(place)}/20`);
    return guest;
  }

  /** The guest at this place asks this disk for a sector until it is answered. */
  isAnswered(place: number, disk: Pick<GuestDisk, 'shelf' | 'slot'>): Promise<boolean> {
    return this.#ask(place, disk, ANSWER_MS);
  }

  async isIgnored(place: number, disk: Pick<GuestDisk, 'shelf' | 'slot'>): Promise<boolean> {
    return !(await this.#ask(place, disk, SILENCE_MS));
  }

  async #ask(
    place: number,
    { shelf, slot }: Pick<GuestDisk, 'shelf' | 'slot'>,
    timeoutMs: number,
  ): Promise<boolean> {
    const fd = (await this.#tap(place)).fds[0]!;
    const tag = Number(process.hrtime.bigint() & 0x7fff_ffffn);
    const frame = Buffer.alloc(FRAME_BYTES);
    renderHeader(frame, {
      ...{ destination: BROADCAST_MAC, source: parseMac(this.#cloud.port(place).macAddress)! },
      ...{ version: VERSION, isResponse: false, error: 0, shelf, slot, command: COMMAND.ata, tag },
    });
    const read = { command: ATA.readSectorsExt, feature: 0, count: 1, lba: 0 };
    renderAta(frame.subarray(0, DATA_OFFSET), { ...read, isExtended: true, isWrite: false });
    const isAnswered = () => {
      sendFrame(fd, frame);
      return receiveFrames(fd).some((each) => {
        const header = parseHeader(each);
        return header?.isResponse === true && header.tag === tag && header.error === 0;
      });
    };
    const timing = { clock: systemClock, timeoutMs, what: 'an answer' };
    return await waitFor(isAnswered, timing).catch((error: unknown) => {
      if (error instanceof TimeoutError) return false;
      throw error;
    });
  }

  async #tap(place: number): Promise<OpenTap> {
    const known = this.#taps.get(place);
    if (known !== undefined) return known;
    const port = await this.#network.ensurePort(this.#cloud.port(place));
    if (port.kind !== 'tap') throw new Error('a bridge has taps');
    const tap = openTap(port.interfaceName, { queues: port.queues, vhost: port.vhost });
    this.#taps.set(place, tap);
    return tap;
  }

  async #close(): Promise<void> {
    for (const tap of this.#taps.values()) tap.close();
    for (const guest of this.#guests.values()) await guest[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
