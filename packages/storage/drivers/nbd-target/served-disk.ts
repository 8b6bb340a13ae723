// Owns one disk that a guest's own nbd driver uses: a client of the volume's storage daemon, and whoever is connected.
// While the daemon is away requests wait, and are then done. A guest that comes again takes over from the connection
// that it had: only one at a time has requests under way.

import type { Socket } from 'node:net';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import { NbdClient } from '@ironbark/platform/nbd/client.ts';
import type { DiskWork } from '@ironbark/protocol/internal/guest-targets.ts';
import type { NbdDiskSettings } from './disk-settings.ts';
import { GuestSession } from './guest-session.ts';

/** A disk whose daemon is not there is not opened; whoever asked asks again. */
const CONNECT_TIMEOUT_MS = 3_000;

export interface DiskStatus {
  serial: string;
  sizeBytes: number;
  /** Its storage daemon does not serve it: its guest waits. */
  isAway: boolean;
  /** Of the clock that never jumps. */
  openedAtMs: number;
  counters: DiskWork['counters'];
}

export class ServedNbdDisk {
  readonly settings: NbdDiskSettings;
  readonly #client: NbdClient;
  readonly #clock: Clock;
  readonly #openedAtMs: number;
  readonly #sessions = new Map<GuestSession, Socket>();
  readonly #counters: DiskWork['counters'] = {
    ...{ readOps: 0, readBytes: 0, readNs: 0 },
    ...{ writeOps: 0, writeBytes: 0, writeNs: 0 },
    ...{ flushOps: 0, flushNs: 0, failedOps: 0 },
  };

  private constructor(settings: NbdDiskSettings, client: NbdClient, clock: Clock) {
    this.settings = settings;
    this.#client = client;
    this.#clock = clock;
    this.#openedAtMs = clock.monotonicMs();
  }

  static async open(settings: NbdDiskSettings): Promise<ServedNbdDisk> {
    const { path: socketPath, exportName } = settings;
    const options = { socketPath, exportName, clock: systemClock };
    const client = await NbdClient.connect(options, CONNECT_TIMEOUT_MS);
    return new ServedNbdDisk(settings, client, systemClock);
  }

  enter(socket: Socket): GuestSession {
    const session = new GuestSession({
      client: this.#client,
      clock: this.#clock,
      counters: this.#counters,
      takeOver: () => this.#leaveTo(session),
    });
    this.#sessions.set(session, socket);
    // One that is gone may still have something under way.
    socket.once('close', () => void session.end().then(() => this.#sessions.delete(session)));
    return session;
  }

  async #leaveTo(session: GuestSession): Promise<void> {
    const others = [...this.#sessions].filter(([each]) => each !== session);
    for (const [, socket] of others) socket.destroy();
    await Promise.all(others.map(([each]) => each.end()));
  }

  status(): DiskStatus {
    const { serial } = this.settings;
    const { sizeBytes, isConnected } = this.#client;
    const openedAtMs = this.#openedAtMs;
    return { serial, sizeBytes, isAway: !isConnected, openedAtMs, counters: this.#counters };
  }

  /**
   * Every request fails from now on, and those under way do; resolves when none is. Whoever is connected stays so: nothing
   * there waits for a disk that does not come back.
   */
  async revoke(): Promise<void> {
    this.#client.close();
    await Promise.all([...this.#sessions.keys()].map((session) => session.idle()));
  }

  /** Whoever is connected is cut off, and told of no failure; resolves when nothing is under way. */
  async close(): Promise<void> {
    const sessions = [...this.#sessions];
    for (const [, socket] of sessions) socket.destroy();
    const ended = Promise.all(sessions.map(([session]) => session.end()));
    this.#client.close();
    await ended;
  }
}
