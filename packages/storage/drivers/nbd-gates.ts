// Owns gates (gate-arguments.ts): opening one for a host, and closing it, which takes the key away with it.
//
// The socket is made here and handed over (tcp-listener.ts). The gate itself needs no network at all. What a gate has to be
// when it is started again lies in its folder, which is there until it is closed.

import { chown, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import {
  ensureDirectory,
  exists,
  hasCode,
  readFileIfPresent,
  removeFile,
  replaceFile,
} from '@ironbark/platform/files.ts';
import { findMarked, findNoted } from '@ironbark/platform/marked-processes.ts';
import {
  endProcess,
  type HostProcess,
  isAlive,
  type ProcessIdentity,
} from '@ironbark/platform/processes.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import {
  GATE_PORTS,
  type GateAccess,
  type NbdGate,
  type NbdGates,
} from '@ironbark/protocol/internal/nbd-gates.ts';
import type { DaemonHost } from './daemon-host.ts';
import { confinedDaemon, markIn, startServing } from './daemon-process.ts';
import { renderDhParams } from './dh-params.ts';
import { listNames } from './export-sockets.ts';
import {
  GATE_FOLDER,
  GATE_USER,
  GATES,
  gateArguments,
  gateMark,
  gateName,
  gatePaths,
} from './gate-arguments.ts';
import { openTcpListener, type TcpListener } from './tcp-listener.ts';

export type GateHost = DaemonHost & { random: RandomSource };

/** 256 bits, as long as the key that TLS makes of it. */
const KEY_BYTES = 32;
const GRACE_MS = 2_000;
const FIND_TIMES = 2;
/** How soon the end of a gate is seen: its guest waits, and loses nothing. */
const LOOK_MS = 1_000;

export function openNbdGates(host: GateHost): NbdGates {
  return new Gates(host);
}

class Gates implements NbdGates {
  readonly #host: GateHost;
  readonly #running = new Map<VolumeId, ProcessIdentity>();
  readonly #listeners = new Set<(id: VolumeId) => void>();
  #watching: AbortController | undefined;

  constructor(host: GateHost) {
    this.#host = host;
  }

  async open(id: VolumeId, how: { address: string; sizeBytes: number }): Promise<NbdGate> {
    const host = this.#host;
    const { address, sizeBytes } = how;
    const key = await ensureKey(host, id);
    const isSame = (await readNumber(host, gatePaths(id).size)) === sizeBytes;
    if (!isSame) await this.end(id);
    const found = await this.#find(id);
    const port = found === undefined ? await this.#start(id, how) : await readPort(host, id);
    if (port === undefined) throw new Error(`the gate of ${id} has lost its port`);
    const exported: BlockExport = { kind: 'nbd-tcp', host: address, port, exportName: id };
    return { export: exported, user: GATE_USER, key };
  }

  /** When this resolves nobody is connected, and the key opens nothing any more. */
  async close(id: VolumeId): Promise<void> {
    const at = (path: string) => join(this.#host.dataDir, path);
    const { directory, pidFile, log } = gatePaths(id);
    if (!(await this.isThere(id))) return;
    await this.end(id);
    for (const path of [pidFile, log]) await removeFile(at(path));
    // The last: while it is there a gate may be.
    await rm(at(directory), { recursive: true, force: true });
  }

  async end(id: VolumeId): Promise<void> {
    if (!(await this.isThere(id))) return;
    this.#running.delete(id);
    for (let time = 0; time < FIND_TIMES; time += 1) {
      const [found] = await findMarked(markIn(this.#host, gateMark(id)));
      if (found === undefined) break;
      await endProcess(found, { clock: this.#host.clock, graceMs: GRACE_MS });
    }
    await this.#host.controlGroups.remove(gateName(id));
  }

  async list(): Promise<VolumeId[]> {
    const names = await listNames(join(this.#host.dataDir, GATES));
    return names.filter((name) => GATE_FOLDER.test(name)) as VolumeId[];
  }

  async find(id: VolumeId): Promise<GateAccess | undefined> {
    if (!(await this.isThere(id)) || (await this.#find(id)) === undefined) return undefined;
    const host = this.#host;
    const [port, key] = [await readPort(host, id), await readKey(host, id)];
    const sizeBytes = await readNumber(host, gatePaths(id).size);
    if (port === undefined || key === undefined || sizeBytes === undefined) return undefined;
    return { port, user: GATE_USER, key, sizeBytes };
  }

  onExit(listener: (id: VolumeId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  detach(): void {
    this.#listeners.clear();
    this.#running.clear();
    this.#watching?.abort();
  }

  /** It runs, or did when it was heard of last. */
  isThere(id: VolumeId): Promise<boolean> {
    return exists(join(this.#host.dataDir, gatePaths(id).directory));
  }

  /** By its number, and by looking where none was written down. */
  async #find(id: VolumeId): Promise<HostProcess | undefined> {
    const mark = markIn(this.#host, gateMark(id));
    const noted = await findNoted(join(this.#host.dataDir, gatePaths(id).pidFile), mark);
    const found = noted ?? (await findMarked(mark))[0];
    if (found !== undefined) this.#watch(id, found);
    return found;
  }

  async #start(
    id: VolumeId,
    { address, sizeBytes }: { address: string; sizeBytes: number },
  ): Promise<number> {
    const host = this.#host;
    const { fd, port, close } = await listenFor(address, await readPort(host, id));
    const paths = gatePaths(id);
    try {
      await replaceFile(join(host.dataDir, paths.port), `${port}\n`);
      await replaceFile(join(host.dataDir, paths.size), `${sizeBytes}\n`);
      await replaceFile(join(host.dataDir, paths.dhParams), renderDhParams(), { mode: 0o644 });
      await using log = await open(join(host.dataDir, paths.log), 'w', 0o600);
      const program = confinedDaemon(host, {
        uid: host.users?.uidOf(id),
        args: gateArguments(id),
      });
      const pidFile = join(host.dataDir, paths.pidFile);
      const how = { log, pidFile, name: gateName(id), inherited: [fd] };
      const started = await startServing(host, program, how);
      if (started !== undefined) this.#watch(id, started);
      return port;
    } finally {
      close();
    }
  }

  #watch(id: VolumeId, process: ProcessIdentity): void {
    this.#running.set(id, process);
    if (this.#watching !== undefined && !this.#watching.signal.aborted) return;
    this.#watching = new AbortController();
    void this.#lookWhile(this.#watching);
  }

  async #lookWhile(watching: AbortController): Promise<void> {
    while (this.#running.size > 0) {
      const slept = await this.#host.clock.sleep(LOOK_MS, watching.signal).then(
        () => true,
        () => false,
      );
      if (!slept) return;
      for (const [id, process] of this.#running) {
        if ((await isAlive(process)) || this.#running.get(id) !== process) continue;
        this.#running.delete(id);
        for (const listener of this.#listeners) listener(id);
      }
    }
    watching.abort();
  }
}

/** A key lasts as long as its gate's folder. */
async function ensureKey(host: GateHost, id: VolumeId): Promise<string> {
  const known = await readKey(host, id);
  if (known !== undefined) return known;
  const { directory, keys } = gatePaths(id);
  await ensureDirectory(join(host.dataDir, GATES), 0o711);
  await ensureDirectory(join(host.dataDir, directory), 0o711);
  const key = host.random.bytes(KEY_BYTES).toString('hex');
  const uid = host.users?.uidOf(id);
  const path = join(host.dataDir, keys);
  await replaceFile(path, `${GATE_USER}:${key}\n`, { mode: 0o400 });
  if (uid !== undefined) await chown(path, uid, uid);
  return key;
}

async function readKey(host: GateHost, id: VolumeId): Promise<string | undefined> {
  const text = await readFileIfPresent(join(host.dataDir, gatePaths(id).keys));
  return text?.toString('utf8').trim().split(':')[1];
}

function readPort(host: GateHost, id: VolumeId): Promise<number | undefined> {
  return readNumber(host, gatePaths(id).port);
}

async function readNumber(host: GateHost, path: string): Promise<number | undefined> {
  const text = await readFileIfPresent(join(host.dataDir, path));
  return text === undefined ? undefined : Number(text.toString('utf8'));
}

/** At the port that it had, if nobody has taken it since. */
async function listenFor(address: string, known: number | undefined): Promise<TcpListener> {
  const { first, last } = GATE_PORTS;
  const usual = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  for (const port of known === undefined ? usual : [known, ...usual]) {
    try {
      return await openTcpListener(address, port);
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error;
    }
  }
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'host',
    message: `All of the ports ${first} to ${last} are taken on this host.`,
  });
}
