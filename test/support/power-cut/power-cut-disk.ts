// Owns disks whose power can be cut: each a real ext4 on a block device with a volatile cache. At the cut each sector
// that was written and not flushed survives or not, by the seed. Several disks share one power, and nothing else:
// what is synced on one of them leaves the others' caches alone.
//
//   await using disk = await PowerCutDisk.create({ seed, sizeBytes });
//   ... a process of its own writes below disk.mountPath ...
//   await disk.cut({ kill: [pid] });      or before: disk.cutAfterRequests({ afterRequests: 40, kill: [pid] })
//   await disk.remount();
//   ... compare what is below disk.mountPath with what was acknowledged ...

import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProgram } from '../../../packages/cli/host-packages.ts';
import type { Arming, DiskEvent, DiskFailure, DiskOrder, Order } from './disk-orders.ts';
import { type DiskPaths, diskPaths, tearDown } from './host-disk.ts';
import type { CutMode, CutReport } from './volatile-disk.ts';

export interface PowerCutDiskOptions {
  seed: number;
  /** Of each disk. */
  sizeBytes?: number;
  /** One disk for each; a single one when absent. */
  names?: readonly string[];
}

export interface CutOptions {
  /** Processes that die with the power. Whatever else has files open on the disk dies at the remount. */
  kill?: readonly number[];
  /** `torn` unless told. */
  mode?: CutMode;
}

const ONE_DISK = ['disk'] as const;
/** Sparse; a node keeps the last GiB of its disk free. */
const DEFAULT_SIZE_BYTES = 1_280 * MIB;
const PROGRAMS = ['nbdfuse', 'mkfs.ext4', 'e2fsck', 'strace'] as const;

/** Why no such disk can be had on this host; undefined when it can. */
export async function whyNoPowerCuts(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'NOT RUN: mounting disks whose power is cut needs root';
  const path = process.env['PATH'] ?? '';
  for (const name of PROGRAMS) {
    if ((await findProgram(name, path)) === undefined) {
      return `NOT RUN: ${name} is missing (Debian: libnbd-bin, e2fsprogs, strace)`;
    }
  }
  for (const device of ['/dev/fuse', '/dev/loop-control']) {
    const handle = await open(device, 'r').catch(() => undefined);
    if (handle === undefined) return `NOT RUN: ${device} cannot be opened`;
    await handle.close();
  }
  return undefined;
}

type Waiting = PromiseWithResolvers<void>;

export class PowerCutDisk implements AsyncDisposable {
  readonly #folder: string;
  readonly #paths: ReadonlyMap<string, DiskPaths>;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<void>();
  #cut = Promise.withResolvers<CutReport>();
  #orders = 0;

  private constructor(folder: string, names: readonly string[], child: ChildProcess) {
    this.#folder = folder;
    this.#paths = new Map(names.map((name) => [name, diskPaths(folder, name)]));
    this.#process = child;
    child.on('message', (event: DiskEvent) => this.#take(event));
    child.once('exit', (code, signal) => {
      const error = new Error(`the process of the disk has ended: ${code ?? signal}`);
      for (const each of [...this.#waiting.values(), this.#ready, this.#cut]) {
        // Not all of them are waited for.
        each.promise.catch(() => {});
        each.reject(error);
      }
      this.#waiting.clear();
      this.#end.resolve();
    });
  }

  static async create(options: PowerCutDiskOptions): Promise<PowerCutDisk> {
    const { seed, sizeBytes = DEFAULT_SIZE_BYTES, names = ONE_DISK } = options;
    const folder = await mkdtemp(join(tmpdir(), 'ironbark-power-'));
    for (const name of names) {
      await mkdir(join(folder, name));
      await using image = await open(diskPaths(folder, name).image, 'w');
      await image.truncate(sizeBytes);
    }
    const script = join(import.meta.dirname, 'disk-process.ts');
    const args = [folder, String(sizeBytes), String(seed), names.join(',')];
    // A debugger or a test runner's settings are not for it.
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    const child = fork(script, args, { execArgv: [], stdio: [...stdio] });
    const disk = new PowerCutDisk(folder, names, child);
    try {
      await disk.#ready.promise;
      await disk.#order({ kind: 'power-on' });
    } catch (error) {
      await disk[Symbol.asyncDispose]();
      throw error;
    }
    return disk;
  }

  /** Of the first disk. */
  get mountPath(): string {
    return [...this.#paths.values()][0]!.mount;
  }

  mountPathOf(name: string): string {
    return this.#paths.get(name)!.mount;
  }

  /** A folder beside the disks, on none of them, that goes when they go. */
  get scratchPath(): string {
    return this.#folder;
  }

  /** Cuts the power now. */
  async cut({ kill = [], mode = 'torn' }: CutOptions = {}): Promise<CutReport> {
    const { promise } = this.#cut;
    await this.#order({ kind: 'cut', kill, mode });
    return await promise;
  }

  /** Cuts the power in place of the write or flush that follows the next so many; or of the first flush after them. */
  async cutAfterRequests({
    kill = [],
    mode = 'torn',
    ...when
  }: CutOptions & Pick<Arming, 'afterRequests' | 'atFlush' | 'disk'>): Promise<void> {
    await this.#order({ kind: 'arm', ...when, kill, mode });
  }

  /** From now on the first disk answers with I/O errors; without an argument it is well again. */
  async fail(failure?: DiskFailure): Promise<void> {
    const [disk] = [...this.#paths.keys()];
    await this.#order({ kind: 'fail', disk: disk!, failure });
  }

  /** Resolves when the power has gone. */
  whenCut(): Promise<CutReport> {
    return this.#cut.promise;
  }

  /** The power is back: the file systems are mounted again, which replays their journals. */
  async remount(): Promise<void> {
    this.#cut = Promise.withResolvers();
    await this.#order({ kind: 'power-off' });
    await this.#order({ kind: 'power-on' });
  }

  /** What e2fsck has to say about the disks; empty when all are clean. Ends their use. */
  async complaints(): Promise<string> {
    await this.#order({ kind: 'power-off' });
    const options = { allowExitCodes: [0, 1, 2, 4] };
    let said = '';
    for (const [name, { image }] of this.#paths) {
      const { stdout, exitCode } = await systemCommands.run('e2fsck', ['-fn', image], options);
      if (exitCode !== 0) said += `${name}: ${stdout}`;
    }
    return said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#end.promise;
    // Its process has done this already unless it was killed.
    for (const paths of this.#paths.values()) await tearDown(paths);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #order(order: Order): Promise<void> {
    const id = this.#orders++;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(id, waiting);
    this.#process.send({ id, order } satisfies DiskOrder);
    await waiting.promise;
  }

  #take(event: DiskEvent): void {
    if (event.kind === 'ready') this.#ready.resolve();
    else if (event.kind === 'cut') this.#cut.resolve(event.report);
    else {
      const waiting = this.#waiting.get(event.id);
      this.#waiting.delete(event.id);
      if (event.kind === 'done') waiting?.resolve();
      else waiting?.reject(new Error(event.error));
    }
  }
}
