// Owns a test host as a process: QEMU's command line for it, its monitor, and its end, which nothing survives.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { type AttachedProcess, systemCommands } from '@ironbark/platform/commands.ts';
import { CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { connectQmp, type QmpClient } from '@ironbark/platform/qmp.ts';
import { onInterruption } from '../interruption.ts';
import type { HostAccelerator, HostHypervisor } from './accelerator.ts';
import type { HostImage } from './image/build-host-image.ts';
import { HOST_KERNEL_PARAMETERS } from './image/recipe.ts';

export interface MachineOptions {
  hypervisor: HostHypervisor;
  accelerator: HostAccelerator;
  image: HostImage;
  /** What its disk is a copy of, which nobody changes. */
  base: { path: string; format: 'raw' | 'qcow2' };
  /** The machine's memory as `saveMemory` has written it; it boots when absent. */
  memory?: string;
  /** Where its own disk is made. */
  disk?: string;
  /** Ports of 127.0.0.1 by the machine's own. */
  ports: ReadonlyMap<number, number>;
  /** Folders that it may mount, read only, by the names that it asks for. */
  shares: ReadonlyMap<string, string>;
}

/** Two thirds of it for its guests. */
const MEMORY_MIB = 3_072;
const VCPUS = 2;
/** Dom0's part; the rest is for its guests. */
const DOM0_MIB = 1_024;
const QMP_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 30_000;
/** As much as the host's disk takes. */
const SAVE_BYTES_PER_S = 10e9;
const SAVE_TIMEOUT_MS = 120_000;
const CONSOLE_SHOWN = 3_000;
/** Where tests of this project keep what they throw away. */
const PARENT = '/var/tmp';

export class HostMachine implements AsyncDisposable {
  readonly folder: string;
  readonly #process: AttachedProcess;
  readonly #qmp: QmpClient;
  readonly #held = onInterruption(() => this[Symbol.asyncDispose]());
  #hasEnded = false;

  private constructor(folder: string, process: AttachedProcess, qmp: QmpClient) {
    this.folder = folder;
    this.#process = process;
    this.#qmp = qmp;
    void process.ended.then(() => {
      this.#hasEnded = true;
    });
  }

  static async start(options: MachineOptions): Promise<HostMachine> {
    const folder = await mkdtemp(join(PARENT, 'ironbark-host-'));
    const disk = options.disk ?? join(folder, 'disk.qcow2');
    let started: AttachedProcess | undefined;
    try {
      await makeDisk(options.base, disk);
      started = await startQemu(folder, renderArguments(options, { folder, disk }));
      const machine = new HostMachine(folder, started, await openMonitor(folder, started));
      await machine.#proceed();
      return machine;
    } catch (error) {
      started?.kill('SIGKILL');
      await started?.ended;
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The newest of what it wrote to its serial port. */
  async console(): Promise<string> {
    const text = await readFile(join(this.folder, 'console.log'), 'utf8').catch(() => '');
    return text.slice(-CONSOLE_SHOWN);
  }

  /** Stops it for good; its disk and this file are what `start` goes on from. */
  async saveMemory(path: string): Promise<void> {
    await this.#qmp.execute('stop');
    await this.#qmp.execute('migrate-set-parameters', { 'max-bandwidth': SAVE_BYTES_PER_S });
    await this.#qmp.execute('migrate', { uri: `exec:cat > '${path}'` });
    await waitFor(async () => await this.#isSaved(), {
      clock: systemClock,
      timeoutMs: SAVE_TIMEOUT_MS,
      what: 'the memory of the test host is saved',
    });
  }

  async #isSaved(): Promise<boolean> {
    const { status, ...rest } = await this.#qmp.execute<{ status: string }>('query-migrate');
    if (status === 'failed' || status === 'cancelled') {
      throw new Error(`the memory of the test host cannot be saved: ${JSON.stringify(rest)}`);
    }
    return status === 'completed';
  }

  /** A machine that comes from a file waits when all of it is there. */
  async #proceed(): Promise<void> {
    await waitFor(
      async () => {
        const { status } = await this.#qmp.execute<{ status: string }>('query-status');
        return status !== 'inmigrate';
      },
      { clock: systemClock, timeoutMs: SAVE_TIMEOUT_MS, what: 'the memory of the test host' },
    );
    await this.#qmp.execute('cont');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held[Symbol.dispose]();
    this.#qmp.close();
    this.#process.kill('SIGKILL');
    await this.#process.ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function makeDisk({ path, format }: MachineOptions['base'], disk: string): Promise<void> {
  await systemCommands.run('qemu-img', [
    ...['create', '-q', '-f', 'qcow2', '-F', format, '-b', path, disk],
  ]);
}

/** It ends with this process, however that ends. */
async function startQemu(folder: string, args: readonly string[]): Promise<AttachedProcess> {
  const wrapped = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args];
  const started = await systemCommands.startAttached('setpriv', wrapped, {
    cwd: folder,
    env: CLEAN_ENVIRONMENT,
    detached: true,
  });
  started.stdin.end();
  started.stdout.resume();
  return started;
}

async function openMonitor(folder: string, { stderr, ended }: AttachedProcess): Promise<QmpClient> {
  let said = '';
  stderr.on('data', (text) => {
    said = `${said}${text}`.slice(-CONSOLE_SHOWN);
  });
  let end: number | string | undefined;
  void ended.then((how) => {
    end = how;
  });
  const socketPath = join(folder, MONITOR);
  return await waitFor(
    async () => {
      if (end !== undefined) throw new Error(`QEMU ended (${end}): ${said}`);
      const options = { socketPath, clock: systemClock, timeoutMs: QMP_TIMEOUT_MS };
      return await connectQmp(options).catch(() => undefined);
    },
    { clock: systemClock, timeoutMs: START_TIMEOUT_MS, what: 'QEMU’s monitor' },
  );
}

const MONITOR = 'qmp.sock';

function renderArguments(
  options: MachineOptions,
  { folder, disk }: { folder: string; disk: string },
): string[] {
  const { accelerator, memory, ports, shares } = options;
  const forwards = [...ports].map(([inside, port]) => `hostfwd=tcp:127.0.0.1:${port}-:${inside}`);
  return [
    ...['-name', 'ironbark-test-host', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-machine', 'pc', ...accelerator.args, '-smp', String(VCPUS), '-m', String(MEMORY_MIB)],
    ...renderBoot(options),
    // What it loses with the power it may lose: nothing of it is kept.
    '-blockdev',
    `driver=qcow2,node-name=root,cache.no-flush=on,discard=unmap,file.driver=file,file.filename=${disk}`,
    ...['-device', 'virtio-blk-pci,drive=root,serial=root'],
    // It reaches nobody but this machine.
    ...['-netdev', ['user', 'id=net0', 'restrict=on', ...forwards].join(',')],
    ...['-device', 'virtio-net-pci,netdev=net0'],
    ...[...shares].flatMap(([name, path]) => renderShare(name, path)),
    ...[
      '-object',
      'rng-random,id=rng0,filename=/dev/urandom',
      '-device',
      'virtio-rng-pci,rng=rng0',
    ],
    ...['-chardev', `file,id=console,path=${join(folder, 'console.log')}`],
    ...['-device', 'isa-serial,chardev=console'],
    ...['-qmp', `unix:${join(folder, MONITOR)},server=on,wait=off`],
    ...(memory === undefined ? [] : ['-incoming', `exec:cat '${memory}'`]),
  ];
}

function renderShare(name: string, path: string): string[] {
  const folder = `local,id=${name},path=${path},security_model=none,readonly=on,multidevs=remap`;
  return ['-fsdev', folder, '-device', `virtio-9p-pci,fsdev=${name},mount_tag=${name}`];
}

function renderBoot({ hypervisor, image: { kernel, initrd, xen } }: MachineOptions): string[] {
  if (hypervisor === 'kvm') {
    const parameters = `${HOST_KERNEL_PARAMETERS} console=ttyS0,115200`;
    return ['-kernel', kernel, '-initrd', initrd, '-append', parameters];
  }
  const modules = `${kernel} ${HOST_KERNEL_PARAMETERS} console=hvc0,${initrd}`;
  const parameters = `dom0_mem=${DOM0_MIB}M,max:${DOM0_MIB}M com1=115200,8n1 console=com1`;
  return ['-kernel', xen, '-append', parameters, '-initrd', modules];
}
