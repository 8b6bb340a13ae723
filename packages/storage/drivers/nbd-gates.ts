// Owns gates (gate-arguments.ts): opening one for a host, and closing it, which takes the key away with it.
//
// The socket is made here and handed over (tcp-listener.ts). The gate itself needs no network at all.

import { chown, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { startConfined } from '@ironbark/platform/confined-start.ts';
import { ensureDirectory, readFileIfPresent, replaceFile } from '@ironbark/platform/files.ts';
import {
  endProcess,
  findProcesses,
  type HostProcess,
  worksIn,
} from '@ironbark/platform/processes.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { NbdGate, NbdGates } from '@ironbark/protocol/internal/nbd-gates.ts';
import type { DaemonHost } from './daemon-host.ts';
import { confinedDaemon } from './daemon-process.ts';
import { GATE_MARK, GATE_USER, gateArguments, gateMark, gatePaths } from './gate-arguments.ts';
import { openTcpListener } from './tcp-listener.ts';

export type GateHost = DaemonHost & { random: RandomSource };

/** 256 bits, as long as the key that TLS makes of it. */
const KEY_BYTES = 32;
const GRACE_MS = 2_000;
const FIND_TIMES = 2;

export function openNbdGates(host: GateHost): NbdGates {
  return {
    open: (id, address) => openGate(host, id, address),
    close: (id) => closeGate(host, id),
    list: () => listGates(host),
  };
}

async function openGate(host: GateHost, id: VolumeId, address: string): Promise<NbdGate> {
  const key = await ensureKey(host, id);
  const found = await findGate(host, id);
  const port = found === undefined ? await startGate(host, id, address) : await readPort(host, id);
  if (port === undefined) throw new Error(`the gate of ${id} has lost its port`);
  const exported: BlockExport = { kind: 'nbd-tcp', host: address, port, exportName: id };
  return { export: exported, user: GATE_USER, key };
}

/** When this resolves nobody is connected, and the key opens nothing any more. */
async function closeGate(host: GateHost, id: VolumeId): Promise<void> {
  for (let time = 0; time < FIND_TIMES; time += 1) {
    const found = await findGate(host, id);
    if (found === undefined) break;
    await endProcess(found, { clock: host.clock, graceMs: GRACE_MS });
  }
  await rm(join(host.dataDir, gatePaths(id).directory), { recursive: true, force: true });
  await rm(join(host.dataDir, gatePaths(id).log), { force: true });
}

async function listGates(host: GateHost): Promise<VolumeId[]> {
  const found = await findProcesses((argument) => GATE_MARK.test(argument));
  const mine = await Promise.all(found.map(({ pid }) => worksIn(pid, host.dataDir)));
  return found
    .filter((_, at) => mine[at])
    .map(({ argv }) => GATE_MARK.exec(argv.join(' '))![1] as VolumeId);
}

async function findGate(host: GateHost, id: VolumeId): Promise<HostProcess | undefined> {
  const mark = gateMark(id);
  for (const found of await findProcesses((argument) => argument.includes(mark))) {
    if (await worksIn(found.pid, host.dataDir)) return found;
  }
  return undefined;
}

/** A key lasts as long as its gate's folder. */
async function ensureKey(host: GateHost, id: VolumeId): Promise<string> {
  const { gates, directory, keys } = gatePaths(id);
  await ensureDirectory(join(host.dataDir, gates), 0o711);
  const path = join(host.dataDir, keys);
  const known = (await readFileIfPresent(path))?.toString('utf8').trim().split(':')[1];
  if (known !== undefined) return known;
  await ensureDirectory(join(host.dataDir, directory), 0o711);
  const key = host.random.bytes(KEY_BYTES).toString('hex');
  const uid = host.users?.uidOf(id);
  await replaceFile(path, `${GATE_USER}:${key}\n`, { mode: 0o400 });
  if (uid !== undefined) await chown(path, uid, uid);
  return key;
}

async function startGate(host: GateHost, id: VolumeId, address: string): Promise<number> {
  const { fd, port, close } = await openTcpListener(address, (await readPort(host, id)) ?? 0);
  try {
    await replaceFile(join(host.dataDir, gatePaths(id).port), `${port}\n`);
    await using log = await open(join(host.dataDir, gatePaths(id).log), 'w', 0o600);
    const program = confinedDaemon(host, {
      uid: host.users?.uidOf(id),
      args: gateArguments(id),
    });
    await startConfined(host.commands, program, { log: log.fd, inherited: [fd] });
    return port;
  } finally {
    close();
  }
}

async function readPort(host: GateHost, id: VolumeId): Promise<number | undefined> {
  const text = await readFileIfPresent(join(host.dataDir, gatePaths(id).port));
  return text === undefined ? undefined : Number(text.toString('utf8'));
}
