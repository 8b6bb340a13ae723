// Owns booting a built image under emulation with user-mode networking, for tests of images.

import { open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { type CommandResult, systemCommands } from '@ironbark/platform/commands.ts';
import { EMULATED_CPU } from '@ironbark/platform/emulated-cpu.ts';
import { removeFile } from '@ironbark/platform/files.ts';
import { findProcess, isAlive, signalProcess } from '@ironbark/platform/processes.ts';
import { connectQmp, type QmpClient } from '@ironbark/platform/qmp.ts';
import type { BuiltImage } from '../build/built-image.ts';
import { METADATA_PREFIX } from './fake-metadata.ts';

export interface GuestOptions {
  image: BuiltImage;
  /** The instance's own copy of the root disk. */
  diskPath: string;
  /** For the socket, the console's log and known host keys. */
  folder: string;
  keyPath: string;
  metadataPort: number;
  memoryMib?: number;
  /** Further devices. */
  extraArguments?: readonly string[];
}

export interface Guest extends AsyncDisposable {
  readonly qmp: QmpClient;
  /** Runs a command line inside. */
  ssh(command: string, options?: SshOptions): Promise<CommandResult>;
  /** Copies a file into the guest, as scp does. */
  copy(source: string, target: string): Promise<void>;
  console(): Promise<string>;
  isRunning(): Promise<boolean>;
  waitUntilSshAnswers(timeoutMs: number): Promise<void>;
  waitUntilGone(timeoutMs: number): Promise<void>;
}

export interface SshOptions {
  keyPath?: string;
  timeoutMs?: number;
}

const UUID = 'ec2d4a7e-0000-4000-8000-000000000001';
const QMP_TIMEOUT_MS = 10_000;
/** Key exchange takes about a second under emulation, more beside other work. */
const SSH_TIMEOUT_MS = 60_000;

export async function bootGuest(options: GuestOptions): Promise<Guest> {
  const port = await freePort();
  const qmpPath = join(options.folder, 'qmp.sock');
  const consolePath = join(options.folder, 'console.log');
  await removeFile(qmpPath);
  const log = await open(join(options.folder, 'qemu.log'), 'a');
  const { pid } = await systemCommands.startDetached(
    'qemu-system-x86_64',
    renderArguments(options, { port, qmpPath, consolePath }),
    { stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const identity = await findProcess(pid);
  if (identity === undefined) throw new Error(`QEMU ended at once: see ${options.folder}`);
  const isRunning = () => isAlive(identity);
  const waitUntilGone = async (timeoutMs: number) => {
    const isGone = async () => !(await isRunning());
    await waitFor(isGone, { clock: systemClock, timeoutMs, what: 'end of the guest' });
  };
  const timing = { clock: systemClock, timeoutMs: QMP_TIMEOUT_MS };
  const qmp = await waitFor(
    () => connectQmp({ socketPath: qmpPath, ...timing }).catch(() => undefined),
    { ...timing, what: 'QMP socket of the guest' },
  );
  return {
    qmp,
    isRunning,
    waitUntilGone,
    ssh: (command, sshOptions = {}) => runOverSsh(options, port, command, sshOptions),
    copy: (source, target) => copyOverSsh(options, port, source, target),
    console: () => readFile(consolePath, 'utf8'),
    waitUntilSshAnswers: (timeoutMs) => waitForLogin(options, port, timeoutMs),
    [Symbol.asyncDispose]: async () => {
      qmp.close();
      await signalProcess(identity, 'SIGKILL');
      await waitUntilGone(QMP_TIMEOUT_MS);
    },
  };
}

function renderArguments(
  options: GuestOptions,
  where: { port: number; qmpPath: string; consolePath: string },
): string[] {
  const { files, manifest } = options.image;
  const metadata = `ironbark.metadata=http://10.0.2.2:${options.metadataPort}${METADATA_PREFIX}/`;
  const disk = `driver=file,filename=${options.diskPath},node-name=root-file,cache.direct=on`;
  return [
    ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', EMULATED_CPU, '-smp', '2'],
    ['-m', `${options.memoryMib ?? manifest.minMemoryMib}`],
    // cloud-init takes a machine for EC2, and asks for tokens, when both of these say so.
    ['-smbios', `type=1,uuid=${UUID},serial=${UUID}`],
    ['-nodefaults', '-no-user-config', '-display', 'none'],
    ['-kernel', files.kernel!, '-initrd', files.initrd!],
    ['-append', `${manifest.kernelParameters} ${metadata}`],
    ['-blockdev', disk, '-blockdev', 'driver=raw,file=root-file,node-name=root'],
    ['-device', 'virtio-blk-pci,drive=root,serial=root,opt_io_size=1048576'],
    ['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${where.port}-:22`],
    ['-device', 'virtio-net-pci,netdev=net'],
    ['-device', 'pcie-root-port,id=plug,slot=1'],
    ['-chardev', `file,id=console,path=${where.consolePath}`, '-serial', 'chardev:console'],
    ['-qmp', `unix:${where.qmpPath},server=on,wait=off`],
    options.extraArguments ?? [],
  ].flat();
}

function runOverSsh(
  guest: GuestOptions,
  port: number,
  command: string,
  options: SshOptions,
): Promise<CommandResult> {
  const key = options.keyPath ?? guest.keyPath;
  return systemCommands.run(
    'ssh',
    [...clientArguments(guest, key), '-p', `${port}`, login(guest), command],
    { timeoutMs: options.timeoutMs ?? SSH_TIMEOUT_MS },
  );
}

async function copyOverSsh(
  guest: GuestOptions,
  port: number,
  source: string,
  target: string,
): Promise<void> {
  const remote = `${login(guest)}:${target}`;
  const args = [...clientArguments(guest, guest.keyPath), '-P', `${port}`, source, remote];
  await systemCommands.run('scp', args, { timeoutMs: SSH_TIMEOUT_MS });
}

function login(guest: GuestOptions): string {
  return `${guest.image.manifest.loginUser}@127.0.0.1`;
}

function clientArguments(guest: GuestOptions, keyPath: string): string[] {
  const settings = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'ConnectTimeout=10',
    'LogLevel=ERROR',
    // A key that is new is kept, one that changed is an error.
    'StrictHostKeyChecking=accept-new',
    'HostKeyAlias=guest',
    `UserKnownHostsFile=${join(guest.folder, 'known_hosts')}`,
  ];
  return ['-F', 'none', '-i', keyPath, ...settings.flatMap((setting) => ['-o', setting])];
}

async function waitForLogin(guest: GuestOptions, port: number, timeoutMs: number): Promise<void> {
  let last: unknown;
  const attempt = async () => {
    try {
      await runOverSsh(guest, port, 'true', {});
      return true;
    } catch (error) {
      last = error;
      return false;
    }
  };
  await waitFor(attempt, { clock: systemClock, timeoutMs, what: 'ssh login' }).catch((error) => {
    throw new Error(`${error.message}: ${String(last)}`);
  });
}

/** QEMU cannot take port 0 for a forward, so there is a small race with other processes. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
