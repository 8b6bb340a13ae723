// Owns the network of a node that is not root: each guest sits behind QEMU's own user-mode network (slirp), alone
// in 10.0.2.0/24, and reaches the world through the node's user.
//
// What is lost against bridges: guests do not reach each other, their private addresses are only names, ICMP does
// not get out, metadata is not at 169.254.169.254 but where the kernel's parameters say, and it is slow. Worse, slirp
// lets a guest reach whatever the host's user reaches: every listener on the loopback, at 10.0.2.2, and the host's own
// metadata service, if it has one, at 169.254.169.254. QEMU's `restrict=on` would stop that and the way out with it,
// so it stays off. Guests in this mode have to be trusted as much as the user who runs them.

import { join } from 'node:path';
import type { InterfaceId } from '@ironbark/core/ids.ts';
import {
  ensureDirectory,
  readFileIfPresent,
  removeFile,
  replaceFile,
} from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { findFreePort, isFreePort } from './free-port.ts';
import type { HostNetwork, PortAttachment, PortSpec } from './host-network.ts';

export interface UserNetworkOptions {
  dataDir: string;
  random: RandomSource;
  logger: Logger;
}

export interface UserNetwork extends HostNetwork {
  readonly kind: 'user';
  /**
   * Where the metadata service has to listen, on 127.0.0.1. Remembered: running guests have it in their kernel's
   * parameters. If somebody else has it by now, it is another one, and they are cut off until they are started again.
   */
  readonly metadataPort: number;
  /** The private address of the guest whose secret this is. Nothing else tells guests apart here. */
  findAddress(secret: string): string | undefined;
}

interface UserPort {
  interfaceId: InterfaceId;
  privateIp: string;
  sshPort: number;
  /** Stands in the metadata URL. */
  secret: string;
}

interface State {
  metadataPort: number;
  ports: UserPort[];
}

/** The host as slirp shows it to a guest. */
const HOST_SEEN_BY_GUEST = '10.0.2.2';
/** 128 bits. */
const SECRET_BYTES = 16;

export async function createUserNetwork(options: UserNetworkOptions): Promise<UserNetwork> {
  const directory = join(options.dataDir, 'network');
  await ensureDirectory(directory);
  const path = join(directory, 'user-ports.json');
  const bytes = await readFileIfPresent(path);
  const kept = bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as State);
  const metadataPort = await chooseMetadataPort(options, kept);
  const network = new SlirpNetwork(options.random, path, {
    ports: kept?.ports ?? [],
    metadataPort,
  });
  if (metadataPort !== kept?.metadataPort) await network.save();
  return network;
}

async function chooseMetadataPort(
  { random, logger }: UserNetworkOptions,
  kept: State | undefined,
): Promise<number> {
  if (kept !== undefined && (await isFreePort(kept.metadataPort))) return kept.metadataPort;
  const chosen = await findFreePort(random, new Set(kept?.ports.map(({ sshPort }) => sshPort)));
  if (kept !== undefined) {
    const { metadataPort: lost } = kept;
    logger.warn('the metadata port was taken; running guests cannot ask', { lost, chosen });
  }
  return chosen;
}

class SlirpNetwork implements UserNetwork {
  readonly kind = 'user';
  readonly metadataPort: number;
  readonly #random: RandomSource;
  readonly #path: string;
  readonly #ports: Map<InterfaceId, UserPort>;
  /** Calls take turns, so that two of them do not take the same port. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(random: RandomSource, path: string, state: State) {
    this.#random = random;
    this.#path = path;
    this.metadataPort = state.metadataPort;
    this.#ports = new Map(state.ports.map((port) => [port.interfaceId, port]));
  }

  findAddress(secret: string): string | undefined {
    return [...this.#ports.values()].find((port) => port.secret === secret)?.privateIp;
  }

  /** There is nothing to make: each guest is in a network of its own. */
  async ensureSubnets(): Promise<void> {}

  async putVpcs(): Promise<void> {}

  ensurePort(spec: PortSpec): Promise<PortAttachment> {
    return this.#inTurn(async () => {
      const port = (await this.#findPort(spec)) ?? (await this.#makePort(spec));
      const metadataUrl = `http://${HOST_SEEN_BY_GUEST}:${this.metadataPort}/${port.secret}/`;
      return { kind: 'user', sshPort: port.sshPort, metadataUrl };
    });
  }

  hostInterface(): undefined {}

  removePort(id: InterfaceId): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ports.delete(id)) await this.save();
    });
  }

  async listPorts(): Promise<InterfaceId[]> {
    return [...this.#ports.keys()];
  }

  /** QEMU carries the packets itself and counts none. */
  async takeFlows(): Promise<never[]> {
    return [];
  }

  async readCounters(): Promise<never[]> {
    return [];
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      this.#ports.clear();
      await removeFile(this.#path);
    });
  }

  async save(): Promise<void> {
    const state: State = { metadataPort: this.metadataPort, ports: [...this.#ports.values()] };
    // Holds the secrets, so it is the user's alone.
    await replaceFile(this.#path, JSON.stringify(state), { mode: 0o600 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
  }

  /** Undefined also when another program listens there now: QEMU could not start. */
  async #findPort({ interfaceId, isIdle }: PortSpec): Promise<UserPort | undefined> {
    const known = this.#ports.get(interfaceId);
    if (known === undefined || isIdle !== true) return known;
    return (await isFreePort(known.sshPort)) ? known : undefined;
  }

  async #makePort({ interfaceId, privateIp }: PortSpec): Promise<UserPort> {
    const taken = new Set([...this.#ports.values()].map(({ sshPort }) => sshPort));
    taken.add(this.metadataPort);
    const sshPort = await findFreePort(this.#random, taken);
    const secret = this.#random.bytes(SECRET_BYTES).toString('hex');
    const port = { interfaceId, privateIp, sshPort, secret };
    this.#ports.set(interfaceId, port);
    await this.save();
    return port;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}
