// Owns the network of a node that is not root: each guest sits behind QEMU's own user-mode network (slirp), alone
// in 10.0.2.0/24, and reaches the world through the node's user.
//
// What is lost against bridges: guests do not reach each other, their private addresses are only names, ICMP does
// not get out, and it is slow. Worse, slirp lets a guest reach every listener on the host's loopback, at 10.0.2.2;
// QEMU's `restrict=on` would stop that and the way out with it, so it stays off. Guests in this mode have to be
// trusted as much as the user who runs them.

import { join } from 'node:path';
import type { InstanceId, InterfaceId } from '@ironbark/core/ids.ts';
import {
  ensureDirectory,
  readFileIfPresent,
  removeFile,
  replaceFile,
} from '@ironbark/platform/files.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { findFreePort } from './free-port.ts';
import type { HostNetwork, PortAttachment, PortSpec } from './host-network.ts';

export interface UserNetworkOptions {
  dataDirectory: string;
  random: RandomSource;
}

export interface UserNetwork extends HostNetwork {
  readonly kind: 'user';
  /**
   * Where the metadata service has to listen, on 127.0.0.1. Remembered: running guests have it in their kernel's
   * parameters.
   */
  readonly metadataPort: number;
  /** The instance whose secret this is. Nothing else tells guests apart here. */
  findInstance(secret: string): InstanceId | undefined;
}

interface UserPort {
  interfaceId: InterfaceId;
  instanceId: InstanceId;
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
  const directory = join(options.dataDirectory, 'network');
  await ensureDirectory(directory);
  const path = join(directory, 'user-ports.json');
  const bytes = await readFileIfPresent(path);
  const state =
    bytes === undefined
      ? { metadataPort: await findFreePort(options.random, new Set()), ports: [] }
      : (JSON.parse(bytes.toString('utf8')) as State);
  const network = new SlirpNetwork(options.random, path, state);
  if (bytes === undefined) await network.save();
  return network;
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

  findInstance(secret: string): InstanceId | undefined {
    return [...this.#ports.values()].find((port) => port.secret === secret)?.instanceId;
  }

  /** There is nothing to make: each guest is in a network of its own. */
  async ensureSubnets(): Promise<void> {}

  ensurePort(spec: PortSpec): Promise<PortAttachment> {
    return this.#inTurn(async () => {
      const port = this.#ports.get(spec.interfaceId) ?? (await this.#makePort(spec));
      const metadataUrl = `http://${HOST_SEEN_BY_GUEST}:${this.metadataPort}/${port.secret}/`;
      return { kind: 'user', sshPort: port.sshPort, metadataUrl };
    });
  }

  removePort(id: InterfaceId): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ports.delete(id)) await this.save();
    });
  }

  async listPorts(): Promise<InterfaceId[]> {
    return [...this.#ports.keys()];
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

  async #makePort({ interfaceId, instanceId }: PortSpec): Promise<UserPort> {
    const taken = new Set([...this.#ports.values()].map(({ sshPort }) => sshPort));
    taken.add(this.metadataPort);
    const sshPort = await findFreePort(this.#random, taken);
    const secret = this.#random.bytes(SECRET_BYTES).toString('hex');
    const port = { interfaceId, instanceId, sshPort, secret };
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
