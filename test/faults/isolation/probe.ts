// Owns an attacker in the place of a guest or an exporter: a program that is started in the very same way and tries
// what a process that was taken over would try first.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { type ConfinedProgram, renderForeground } from '@ironbark/platform/confined-start.ts';
import { asUser, CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { type Enclosure, ensureEnclosure } from '@ironbark/platform/enclosure.ts';

export interface Attack {
  /** Files of the host, by the host's names. */
  files: readonly string[];
  /** Files by names that the attacker finds them under, if it finds them. */
  innerFiles: readonly string[];
  pids: readonly number[];
  /** TCP ports on the host's loopback, and a host beyond. */
  ports: readonly number[];
  sockets: readonly string[];
}

export interface Attempt {
  what: string;
  /** The system's answer, such as `ENOENT`; `succeeded` when there was no refusal. */
  outcome: string;
}

export interface Attacker {
  uid: number;
  groups?: readonly number[];
  folder: string;
  workingDirectory: string;
}

/** Runs in a Node of its own, so it can use nothing from here. */
const PROGRAM = `
  const fs = require('node:fs'), net = require('node:net'), dgram = require('node:dgram');
  const attack = JSON.parse(process.argv[1]);
  const done = [];
  const attempt = (what, work) => {
    try { work(); done.push({ what, outcome: 'succeeded' }); }
    catch (error) { done.push({ what, outcome: error.code ?? String(error) }); }
  };
  const connect = (what, options) => new Promise((resolve) => {
    const socket = net.connect({ ...options, timeout: 2000 });
    const end = (outcome) => { done.push({ what, outcome }); socket.destroy(); resolve(); };
    socket.once('connect', () => end('succeeded'));
    socket.once('timeout', () => end('ETIMEDOUT'));
    socket.once('error', (error) => end(error.code));
  });
  const send = (what, port, host) => new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    const end = (outcome) => { done.push({ what, outcome }); socket.close(); resolve(); };
    socket.once('error', (error) => end(error.code));
    socket.send('x', port, host, (error) => end(error?.code ?? 'succeeded'));
  });
  (async () => {
    for (const path of attack.files) {
      attempt('read ' + path, () => fs.readFileSync(path));
      attempt('read ../../../..' + path, () => fs.readFileSync('../../../..' + path));
    }
    for (const path of attack.innerFiles) {
      attempt('read ' + path, () => fs.closeSync(fs.openSync(path, 'r')));
      attempt('write ' + path, () => fs.closeSync(fs.openSync(path, 'r+')));
    }
    attempt('list /proc', () => { if (fs.readdirSync('/proc').length === 0) throw { code: 'ENOENT' }; });
    attempt('list /old', () => { if (fs.readdirSync('/old').length === 0) throw { code: 'ENOENT' }; });
    for (const pid of attack.pids) {
      attempt('signal ' + pid, () => process.kill(pid, 0));
      attempt('memory of ' + pid, () => fs.openSync('/proc/' + pid + '/mem', 'r+'));
    }
    attempt('become root', () => process.setuid(0));
    attempt('write into the root folder', () => fs.writeFileSync('/x', 'x'));
    attempt('write into a library folder', () => fs.writeFileSync('/usr/lib/x', 'x'));
    attempt('run a shell', () => { const r = require('node:child_process').spawnSync('/bin/sh', ['-c', 'true']); if (r.error) throw r.error; });
    for (const path of attack.sockets) await connect('connect ' + path, { path });
    for (const port of attack.ports) await connect('connect 127.0.0.1:' + port, { host: '127.0.0.1', port });
    await connect('connect 192.0.2.1:80', { host: '192.0.2.1', port: 80 });
    await send('ask 169.254.169.254', 80, '169.254.169.254');
    console.log(JSON.stringify(done));
  })();
`;

const LIMITS = { openFiles: 256, processes: 256 };
const TIMEOUT_MS = 60_000;

/** What the attacker was answered to each attempt. */
export async function runAttack(attacker: Attacker, attack: Attack): Promise<Attempt[]> {
  const directory = await mkdtemp(join(tmpdir(), 'ironbark-probe-'));
  await chmod(directory, 0o711);
  try {
    const { file, args } = renderForeground(await renderAttacker(attacker, attack, directory));
    const options = { cwd: '/', env: CLEAN_ENVIRONMENT, timeoutMs: TIMEOUT_MS };
    const { stdout } = await systemCommands.run(file, args, options);
    return JSON.parse(stdout) as Attempt[];
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function renderAttacker(
  { uid, groups, folder, workingDirectory }: Attacker,
  attack: Attack,
  directory: string,
): Promise<ConfinedProgram> {
  const program = basename(process.execPath);
  return {
    file: process.execPath,
    args: ['-e', PROGRAM, JSON.stringify(attack)],
    confinement: asUser(uid, groups),
    limits: LIMITS,
    enclosure: await encloseNode(directory, program),
    folder,
    workingDirectory,
    ownNetwork: true,
  };
}

function encloseNode(directory: string, program: string): Promise<Enclosure> {
  return ensureEnclosure({
    directory,
    programs: [program],
    searchPath: `${dirname(process.execPath)}:${CLEAN_ENVIRONMENT['PATH']}`,
    devices: ['/dev/null', '/dev/urandom'],
  });
}
