// Owns relays (relay-arguments.ts): starting one for an opening, leading its guest to it, and its end. They outlive this
// process and are found again by their names.

import { chown, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { waitFor } from '@ironbark/platform/clock.ts';
import { ensureDirectory, hasCode, removeFile } from '@ironbark/platform/files.ts';
import {
  findMarked,
  findNoted,
  readLogTail,
  readPid,
} from '@ironbark/platform/marked-processes.ts';
import {
  endProcess,
  type HostProcess,
  isAlive,
  type ProcessIdentity,
} from '@ironbark/platform/processes.ts';
import { connectQmp, type QmpClient } from '@ironbark/platform/qmp.ts';
import { leadTo, readSecondName } from '@ironbark/platform/sockets.ts';
import type { DaemonHost } from './daemon-host.ts';
import { readNodeSize } from './daemon-limits.ts';
import { confinedDaemon, markIn, startServing } from './daemon-process.ts';
import { exportSocketPath, listNames } from './export-sockets.ts';
import {
  parseRelayName,
  RELAYED_NODE,
  RELAYS,
  type RelayKey,
  relayArguments,
  relayMark,
  relayName,
  relayPaths,
} from './relay-arguments.ts';

const START_TIMEOUT_MS = 15_000;
const START_POLL_MS = 5;
const ANSWER_TIMEOUT_MS = 3_000;
/** It has requests of its guest to finish, and no file to flush. */
const GRACE_MS = 2_000;

export class Relays {
  readonly #host: DaemonHost;
  /** By which the end of a relay is seen. */
  readonly #connections = new Map<string, QmpClient>();
  readonly #listeners = new Set<(id: VolumeId) => void>();

  constructor(host: DaemonHost) {
    this.#host = host;
  }

  /** Those that were started and not removed, whether they run or not. */
  async list(): Promise<RelayKey[]> {
    const names = await listNames(join(this.#host.dataDir, RELAYS));
    return names.flatMap((name) => parseRelayName(name) ?? []);
  }

  async listOf(id: VolumeId): Promise<RelayKey[]> {
    return (await this.list()).filter((key) => key.id === id);
  }

  /** It runs, its guest is led to it, and it is as long as its volume: it keeps the length that it began with. */
  async isServing(key: RelayKey, sizeBytes: number | undefined): Promise<boolean> {
    return (await this.#isAsLong(key, sizeBytes)) && (await this.#isLed(key));
  }

  /** The volume's daemon has its export by now. Repeats safely; one of another length makes way for the next. */
  async ensure(key: RelayKey, sizeBytes: number | undefined): Promise<void> {
    if (!(await this.#isAsLong(key, sizeBytes))) await this.#start(key);
    if (!(await this.#isLed(key))) await this.#lead(key);
  }

  /** When this resolves nothing comes through it any more; its guest waits for another one at the same place. */
  async end(key: RelayKey): Promise<void> {
    const name = relayName(key);
    const connection = this.#connections.get(name);
    this.#connections.delete(name);
    connection?.close();
    for (const found of await this.#findProcesses(key)) {
      await endProcess(found, { clock: this.#host.clock, graceMs: GRACE_MS });
    }
    await this.#host.controlGroups.remove(name);
  }

  /** Nobody waits for it. While its folder is there its socket is known to be its own. */
  async remove(key: RelayKey): Promise<void> {
    await this.end(key);
    const { guests, directory, pidFile, log } = this.#paths(key);
    for (const path of [guests, pidFile, log]) await removeFile(path);
    await rm(directory, { recursive: true, force: true });
  }

  onExit(listener: (id: VolumeId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets go of relays without ending them. */
  detach(): void {
    this.#listeners.clear();
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    for (const connection of connections) connection.close();
  }

  #paths(key: RelayKey) {
    const { directory, ownSocket, controlSocket, pidFile, log } = relayPaths(key);
    const at = (path: string) => join(this.#host.dataDir, path);
    return {
      directory: at(directory),
      ownSocket: at(ownSocket),
      controlSocket: at(controlSocket),
      pidFile: at(pidFile),
      log: at(log),
      guests: at(exportSocketPath(key.id, key.opening)),
    };
  }

  /** Undefined when it does not run. */
  async #find(key: RelayKey): Promise<QmpClient | undefined> {
    const name = relayName(key);
    const known = this.#connections.get(name);
    if (known?.isOpen === true) return known;
    try {
      const connection = await connectQmp({
        socketPath: this.#paths(key).controlSocket,
        clock: this.#host.clock,
        timeoutMs: ANSWER_TIMEOUT_MS,
        hangsUpWhenLate: true,
        onClose: (closed) => this.#lost(key, closed),
      });
      this.#connections.set(name, connection);
      return connection;
    } catch (error) {
      if (hasCode(error, 'ENOENT') || hasCode(error, 'ECONNREFUSED')) return undefined;
      throw error;
    }
  }

  /** Undefined: it is not known how long the volume is. */
  async #isAsLong(key: RelayKey, sizeBytes: number | undefined): Promise<boolean> {
    const qmp = await this.#find(key);
    if (qmp === undefined) return false;
    return sizeBytes === undefined || (await readNodeSize(qmp, RELAYED_NODE)) === sizeBytes;
  }

  /** By its number, and by looking where none was written down. */
  async #findProcesses(key: RelayKey): Promise<HostProcess[]> {
    const mark = markIn(this.#host, relayMark(key));
    const { pidFile } = this.#paths(key);
    if ((await readPid(pidFile)) === undefined) return await findMarked(mark);
    const noted = await findNoted(pidFile, mark);
    return noted === undefined ? [] : [noted];
  }

  #lost(key: RelayKey, connection: QmpClient): void {
    if (this.#connections.get(relayName(key)) !== connection) return;
    this.#connections.delete(relayName(key));
    for (const listener of this.#listeners) listener(key.id);
  }

  async #start(key: RelayKey): Promise<void> {
    await this.end(key);
    const started = await this.#launch(key);
    const ready = async () => {
      if (started === undefined || !(await isAlive(started))) return 'ended';
      return await this.#find(key);
    };
    const what = `start of the relay ${relayName(key)}`;
    const { clock } = this.#host;
    const timing = { clock, timeoutMs: START_TIMEOUT_MS, intervalMs: START_POLL_MS, what };
    if ((await waitFor<QmpClient | 'ended'>(ready, timing)) !== 'ended') return;
    const said = await readLogTail(this.#paths(key).log);
    throw new Error(`the relay ${relayName(key)} does not start: ${said}`);
  }

  /** Undefined when it has ended already. */
  async #launch(key: RelayKey): Promise<ProcessIdentity | undefined> {
    const host = this.#host;
    const paths = this.#paths(key);
    const uid = host.users?.uidOf(key.id);
    await ensureDirectory(join(host.dataDir, RELAYS), 0o711);
    await ensureDirectory(paths.directory, 0o700);
    for (const path of [paths.ownSocket, paths.controlSocket]) await removeFile(path);
    if (uid !== undefined) await chown(paths.directory, uid, uid);
    await using log = await open(paths.log, 'w', 0o600);
    const program = confinedDaemon(host, { uid, args: relayArguments(key) });
    const { pidFile } = paths;
    await removeFile(pidFile);
    return await startServing(host, program, { log, pidFile, name: relayName(key) });
  }

  async #isLed(key: RelayKey): Promise<boolean> {
    const { ownSocket, guests } = this.#paths(key);
    return (await readSecondName(ownSocket, guests)) === 'same';
  }

  /** Whoever was led to one that ended is led to the next. */
  async #lead(key: RelayKey): Promise<void> {
    const { ownSocket, guests } = this.#paths(key);
    await leadTo(ownSocket, guests);
  }
}
