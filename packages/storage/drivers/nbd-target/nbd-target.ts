// Owns an NBD target for the guests of a subnet: who comes in, by the secret name of a disk and from the address of the
// guest that it is attached to. No name is ever told.

import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { serveNbd } from '@ironbark/platform/nbd/server.ts';
import { isSameDisk, type NbdDiskSettings } from './disk-settings.ts';
import { type DiskStatus, ServedNbdDisk } from './served-disk.ts';

/** A guest of 26 volumes that comes again with all of them, twice. */
const MAX_CONNECTIONS_OF_GUEST = 64;
/** Of the guests of a subnet together. */
const MAX_CONNECTIONS = 2_048;
/** For choosing a disk; whoever has chosen may be silent for as long as it likes. */
const CHOICE_MS = 10_000;
/** A guest's requests that wait for their disk; it has others itself. */
const MAX_BYTES_AT_ONCE = 8 * 1024 * 1024;
const IPV4_IN_IPV6 = '::ffff:';

export class NbdTarget {
  readonly #server: Server = createServer((socket) => this.#serve(socket));
  /** By the digest of their keys: how long a look-up takes tells nothing of a key. */
  readonly #disks = new Map<string, ServedNbdDisk>();
  /** Taken from guests that may not know it yet. */
  readonly #revoked = new Map<string, ServedNbdDisk>();
  readonly #connections = new Map<string, number>();

  constructor() {
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  listen(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ fd }, resolve);
    });
  }

  /** A disk that is served already, as it is to be, stays as it is. */
  async open(settings: NbdDiskSettings): Promise<void> {
    const present = this.#find(settings.serial);
    if (present !== undefined && isSameDisk(present.settings, settings)) return;
    await this.close(settings.serial);
    this.#disks.set(digestOf(settings.key), await ServedNbdDisk.open(settings));
  }

  /** When it resolves the key opens nothing, and nothing that was asked before is under way. */
  async close(serial: string): Promise<void> {
    await this.#take(serial)?.close();
  }

  /** As `close`; until `forget` the guest is told that every request of its fails. */
  async revoke(serial: string): Promise<void> {
    const disk = this.#take(serial);
    if (disk === undefined) return;
    this.#revoked.set(digestOf(disk.settings.key), disk);
    await disk.revoke();
  }

  async forget(serial: string): Promise<void> {
    for (const [digest, disk] of this.#revoked) {
      if (disk.settings.serial !== serial) continue;
      this.#revoked.delete(digest);
      await disk.close();
    }
  }

  get revokedCount(): number {
    return this.#revoked.size;
  }

  #take(serial: string): ServedNbdDisk | undefined {
    const disk = this.#find(serial);
    if (disk !== undefined) this.#disks.delete(digestOf(disk.settings.key));
    return disk;
  }

  status(): DiskStatus[] {
    return [...this.#disks.values()].map((disk) => disk.status());
  }

  /** Guests lose their connections, and are told of no failure: the next target goes on. */
  async end(): Promise<void> {
    this.#server.close();
    for (const { serial } of this.status()) await this.close(serial);
    for (const { settings } of [...this.#revoked.values()]) await this.forget(settings.serial);
  }

  #find(serial: string): ServedNbdDisk | undefined {
    return [...this.#disks.values()].find(({ settings }) => settings.serial === serial);
  }

  #serve(socket: Socket): void {
    const address = socket.remoteAddress?.replace(IPV4_IN_IPV6, '') ?? '';
    const count = (this.#connections.get(address) ?? 0) + 1;
    socket.on('error', () => socket.destroy());
    if (count > MAX_CONNECTIONS_OF_GUEST) {
      socket.destroy();
      return;
    }
    this.#connections.set(address, count);
    socket.once('close', () => this.#leave(address));
    socket.setTimeout(CHOICE_MS, () => socket.destroy());
    const find = (name: string) => this.#enter(socket, address, name);
    void serveNbd(socket, { find, maxBytesAtOnce: MAX_BYTES_AT_ONCE });
  }

  #leave(address: string): void {
    const left = (this.#connections.get(address) ?? 1) - 1;
    if (left === 0) this.#connections.delete(address);
    else this.#connections.set(address, left);
  }

  #enter(socket: Socket, address: string, name: string) {
    const digest = digestOf(name);
    const disk = this.#disks.get(digest) ?? this.#revoked.get(digest);
    if (disk === undefined || disk.settings.guestAddress !== address) return undefined;
    socket.setTimeout(0);
    socket.setKeepAlive(true);
    return disk.enter(socket);
  }
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
