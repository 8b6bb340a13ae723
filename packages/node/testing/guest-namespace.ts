// Owns network namespaces that play guests and the world outside in tests of the host's network.

import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import type { PortSpec } from '../host/host-network.ts';
import { createNetworkNames } from '../host/network-names.ts';

/** Why these tests cannot run here; false when they can. */
export function whyNoNamespaces(): string | false {
  if (process.getuid?.() === 0) return false;
  return 'SKIPPED, NOT TESTED: making network namespaces needs root';
}

export class Namespace implements AsyncDisposable {
  readonly name: string;
  /** The ends that stand on the host. */
  readonly #hostEnds: string[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  static async create(label: string): Promise<Namespace> {
    const namespace = new Namespace(`ibtest-${process.pid}-${label}`);
    await run('netns', 'add', namespace.name);
    await namespace.ip('link', 'set', 'lo', 'up');
    return namespace;
  }

  /** Moves one end of a new pair of interfaces in here as `eth0`; the other end stays on the host. */
  async connect(hostEnd: string, macAddress?: string): Promise<void> {
    const address = macAddress === undefined ? [] : ['address', macAddress];
    const peer = ['peer', 'name', 'eth0', ...address, 'netns', this.name];
    await run('link', 'add', hostEnd, 'type', 'veth', ...peer);
    this.#hostEnds.push(hostEnd);
    await run('link', 'set', hostEnd, 'up');
    await this.ip('link', 'set', 'eth0', 'up');
  }

  async ip(...args: string[]): Promise<string> {
    return run('-n', this.name, ...args);
  }

  /** Runs a command in here. */
  async run(file: string, ...args: string[]): Promise<void> {
    await systemCommands.run('ip', ['netns', 'exec', this.name, file, ...args]);
  }

  /** Gives `eth0` an address as DHCP would have. */
  async configure(address: string, gateway?: string): Promise<void> {
    await this.ip('address', 'add', address, 'dev', 'eth0');
    if (gateway !== undefined) await this.ip('route', 'add', 'default', 'via', gateway);
  }

  /** Runs a script of the same language as a process in here and gives what it prints. */
  async script(source: string, ...args: string[]): Promise<string> {
    const node = [process.execPath, '--input-type=module', '-e', source, '--', ...args];
    const { stdout } = await systemCommands.run('ip', ['netns', 'exec', this.name, ...node], {
      timeoutMs: 15_000,
    });
    return stdout.trim();
  }

  /** The kernel takes a name space apart in its own time, and its pairs with it: those on the host go first, at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#hostEnds) await run('link', 'delete', 'dev', end).catch(ignoreGone);
    await run('netns', 'delete', this.name);
  }
}

/** The same in the name space of a VPC, once that is there: in the place of the port's tap. */
export async function createGuestIn(
  space: string,
  tap: string,
  { macAddress, interfaceId }: PortSpec,
): Promise<Namespace> {
  const guest = await Namespace.create(
    `${space.slice(2, 6)}${space.slice(-2)}-${interfaceId.slice(-4)}`,
  );
  await run('-n', space, 'link', 'delete', 'dev', tap);
  const peer = ['peer', 'name', 'eth0', 'address', macAddress, 'netns', guest.name];
  await run('link', 'add', tap, 'netns', space, 'type', 'veth', ...peer);
  await run('-n', space, 'link', 'set', tap, 'up');
  await guest.ip('link', 'set', 'eth0', 'up');
  return guest;
}

/** Who had the other end may have taken it away. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof CommandError && error.stderr.includes('Cannot find device'))) throw error;
}

async function run(...args: string[]): Promise<string> {
  return (await systemCommands.run('ip', args)).stdout;
}

/**
 * A namespace plugged in where the port's tap would be: the network finds an interface of that name and takes
 * it for the tap, so filters and bridge treat the namespace exactly as they would a guest.
 */
export async function createGuest(cloudId: string, port: PortSpec): Promise<Namespace> {
  const guest = await Namespace.create(`${cloudId.slice(-4)}-${port.interfaceId.slice(-2)}`);
  await guest.connect(createNetworkNames(cloudId).tap(port.interfaceId), port.macAddress);
  return guest;
}

/** Prints the body of a GET, or the error's code. */
export const FETCH = `
  import { get } from 'node:http';
  const [url, timeout = '2000'] = process.argv.slice(1);
  const request = get(url, { timeout: Number(timeout) }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk));
    response.on('end', () => console.log(text));
  });
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.on('error', (error) => console.log(error.code ?? error.message));
`;

/** Prints a lease as JSON, or \`no offer\`. */
export const ASK_FOR_LEASE = `
  import { createSocket } from 'node:dgram';
  import { readFileSync } from 'node:fs';
  const mac = Buffer.from(readFileSync('/sys/class/net/eth0/address', 'utf8').trim().replaceAll(':', ''), 'hex');
  const socket = createSocket('udp4');
  const message = (type, more = []) => {
    const head = Buffer.alloc(240);
    head.set([1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78], 0);
    head.writeUInt16BE(0x8000, 10);
    head.set(mac, 28);
    head.writeUInt32BE(0x63825363, 236);
    return Buffer.concat([head, Buffer.from([53, 1, type, 55, 6, 1, 3, 6, 12, 15, 26, ...more, 255])]);
  };
  const options = (bytes) => {
    const found = {};
    for (let at = 240; bytes[at] !== 255 && at < bytes.length; at += 2 + bytes[at + 1]) {
      found[bytes[at]] = bytes.subarray(at + 2, at + 2 + bytes[at + 1]);
    }
    return found;
  };
  const dotted = (bytes) => [...bytes].join('.');
  const send = (bytes) => socket.send(bytes, 67, '255.255.255.255');
  const done = (text) => { console.log(text); socket.close(); clearTimeout(timer); clearInterval(again); };
  const discover = () => send(message(1));
  const again = setInterval(discover, 300);
  const timer = setTimeout(() => done('no offer'), Number(process.argv[1] ?? 5000));
  socket.on('message', (bytes) => {
    const found = options(bytes);
    const address = bytes.subarray(16, 20);
    if (found[53][0] === 2) return send(message(3, [50, 4, ...address, 54, 4, ...found[54]]));
    if (found[53][0] !== 5) return;
    done(JSON.stringify({
      address: dotted(address), mask: dotted(found[1]), router: dotted(found[3]), dns: dotted(found[6]),
      hostname: String(found[12]), domain: String(found[15]), mtu: found[26]?.readUInt16BE(),
    }));
  });
  socket.bind(68, () => { socket.setBroadcast(true); discover(); });
`;
