// Owns the processes of gates' clients (client-arguments.ts): starting one, leading its guest to it, and its end. They
// outlive this process and are found again by their names.

import { chown, open, readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GIB } from '@ironbark/core/units.ts';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { type ConfinedProgram, tryConfined } from '@ironbark/platform/confined-start.ts';
import { asUser, CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import {
  type ControlGroups,
  groupNameFor,
  openControlGroups,
  type ResourceLimits,
} from '@ironbark/platform/control-groups.ts';
import { type Enclosure, ensureEnclosure } from '@ironbark/platform/enclosure.ts';
import {
  ensureDirectory,
  readFileIfPresent,
  removeFile,
  replaceFile,
} from '@ironbark/platform/files.ts';
import {
  findMarked,
  findNoted,
  type ProcessMark,
  readLogTail,
  startLimited,
} from '@ironbark/platform/marked-processes.ts';
import { endProcess, isAlive } from '@ironbark/platform/processes.ts';
import { serviceUid } from '@ironbark/platform/service-users.ts';
import { isListening, leadTo, readSecondName } from '@ironbark/platform/sockets.ts';
import type { GateKey } from '@ironbark/protocol/internal/wire/gate-wire.ts';
import {
  CLIENT,
  CLIENT_FOLDERS,
  clientArguments,
  clientMark,
  clientName,
  clientPaths,
  type GatePlace,
  parseClientName,
} from './client-arguments.ts';

export interface ClientHost {
  /** Of all clients, absolute and without symbolic links. */
  directory: string;
  commands: Commands;
  clock: Clock;
  /** Undefined: the host does not allow it. */
  enclosure: Enclosure | undefined;
  controlGroups: ControlGroups;
}

/** As a storage daemon on the volume's own host has. */
const RESOURCES: ResourceLimits = { memoryBytes: GIB, vcpus: 1, processes: 1_024 };
const LIMITS = { openFiles: 1_024, processes: RESOURCES.processes };
/** It comes in before it serves; a front end that does not answer is tried again. */
const START_TIMEOUT_MS = 15_000;
const START_POLL_MS = 10;
/** It has requests of its guest to finish, and no file to flush. */
const GRACE_MS = 2_000;

/** `gap` says, for people, how they are less confined than they should be. */
export async function openClientHost(
  options: Pick<ClientHost, 'directory' | 'commands' | 'clock'>,
): Promise<{ host: ClientHost; gap?: string }> {
  const { commands, clock } = options;
  await ensureDirectory(options.directory, 0o711);
  const directory = await realpath(options.directory);
  for (const name of Object.values(CLIENT_FOLDERS)) {
    await ensureDirectory(join(directory, name), name === 'clients' ? 0o711 : 0o700);
  }
  const controlGroups = await openControlGroups(groupNameFor(directory), clock);
  await controlGroups.sweep();
  const base = { directory, commands, clock, controlGroups };
  const plain = { ...base, enclosure: undefined };
  if (!isRoot()) return { host: plain };
  const enclosure = await ensureEnclosure({
    directory: join(directory, 'enclosure'),
    programs: [CLIENT],
    searchPath: CLEAN_ENVIRONMENT['PATH']!,
    devices: ['/dev/null'],
  });
  const host = { ...base, enclosure };
  const folder = join(directory, CLIENT_FOLDERS.clients);
  const uid = serviceUid('gate-clients', directory);
  const why = await tryConfined(commands, confined(host, { folder, uid, args: ['--version'] }));
  if (why !== undefined) return { host: plain, gap: `no name spaces of their own: ${why}` };
  const { missing: gap } = controlGroups;
  return gap === undefined ? { host } : { host, gap };
}

/** Those that were started and not removed, whether they run or not. */
export async function listClients({ directory }: ClientHost): Promise<GateKey[]> {
  const names = await readdir(join(directory, CLIENT_FOLDERS.clients));
  return names.flatMap((name) => parseClientName(name) ?? []);
}

/** It runs, and guests are led to it. */
export async function isServing(host: ClientHost, key: GateKey): Promise<boolean> {
  const { ownSocket, exported, pidFile } = absolute(host, key);
  if ((await readSecondName(ownSocket, exported)) !== 'same') return false;
  return (await findNoted(pidFile, markOf(host, key))) !== undefined;
}

/** Of one that was started. */
export async function readPlace(host: ClientHost, key: GateKey): Promise<GatePlace | undefined> {
  const bytes = await readFileIfPresent(absolute(host, key).access);
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as GatePlace);
}

/** Repeats safely. One that was started with another key, port or length makes way for the next, and its guest waits. */
export async function ensureClient(
  host: ClientHost,
  key: GateKey,
  place: GatePlace,
): Promise<void> {
  const isSame = JSON.stringify(await readPlace(host, key)) === JSON.stringify(place);
  if (isSame && (await isServing(host, key))) return;
  await endClient(host, key);
  await startClient(host, key, place);
  const { ownSocket, exported } = absolute(host, key);
  await leadTo(ownSocket, exported);
}

/** Nobody waits for it: to whoever was led to it, a name that is gone says that the volume was taken away. */
export async function removeClient(host: ClientHost, key: GateKey): Promise<void> {
  const { exported, access, pidFile, log, directory } = absolute(host, key);
  await removeFile(exported);
  await endClient(host, key);
  for (const path of [access, pidFile, log]) await removeFile(path);
  await rm(directory, { recursive: true, force: true });
}

async function startClient(host: ClientHost, key: GateKey, place: GatePlace): Promise<void> {
  const { directory: folder, keys, ownSocket, access, pidFile, log: logPath } = absolute(host, key);
  const uid = isRoot() ? serviceUid('gate-clients', folder) : undefined;
  await ensureDirectory(folder, 0o700);
  await removeFile(ownSocket);
  await replaceFile(keys, `${place.user}:${place.key}\n`, { mode: 0o400 });
  if (uid !== undefined) for (const path of [folder, keys]) await chown(path, uid, uid);
  await replaceFile(access, JSON.stringify(place), { mode: 0o600 });
  await using log = await open(logPath, 'w', 0o600);
  const args = clientArguments(key, place);
  const program = confined(host, { folder, args, ...(uid === undefined ? {} : { uid }) });
  const how = { log, pidFile, name: clientName(key), resources: RESOURCES };
  const started = await startLimited(host, program, how);
  const ready = async () => {
    if (started === undefined || !(await isAlive(started))) return 'ended';
    return (await isListening(ownSocket)) ? 'ready' : undefined;
  };
  const what = `start of the client ${clientName(key)}`;
  const timing = { timeoutMs: START_TIMEOUT_MS, intervalMs: START_POLL_MS, what };
  const outcome = await waitFor<'ready' | 'ended'>(ready, { clock: host.clock, ...timing });
  if (outcome === 'ready') return;
  throw new Error(`the client ${clientName(key)} does not come in: ${await readLogTail(logPath)}`);
}

async function endClient(host: ClientHost, key: GateKey): Promise<void> {
  for (const found of await findMarked(markOf(host, key))) {
    await endProcess(found, { clock: host.clock, graceMs: GRACE_MS });
  }
  await host.controlGroups.remove(clientName(key));
}

function markOf(host: ClientHost, key: GateKey): ProcessMark {
  return { mark: clientMark(key), folder: absolute(host, key).directory };
}

function confined(
  { enclosure }: Pick<ClientHost, 'enclosure'>,
  { folder, uid, args }: { folder: string; uid?: number; args: readonly string[] },
): ConfinedProgram {
  return {
    file: CLIENT,
    args,
    confinement: asUser(uid),
    limits: LIMITS,
    enclosure,
    folder,
    workingDirectory: '',
    // The front end is on the host's.
    ownNetwork: false,
  };
}

function absolute(host: ClientHost, key: GateKey) {
  const entries = Object.entries(clientPaths(key));
  const paths = entries.map(([name, path]) => [name, join(host.directory, path)]);
  return Object.fromEntries(paths) as ReturnType<typeof clientPaths>;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
