// Owns the disk whose power can be cut: a real ext4 on a block device with a volatile cache. At the cut each sector
// that was written and not flushed survives or not, by the seed.
//
//   await using disk = await PowerCutDisk.create({ seed, sizeBytes });
//   ... a process of its own writes below disk.mountPath ...
//   await disk.cut({ kill: [pid] });      or before: disk.cutAfterRequests({ afterRequests: 40, kill: [pid] })
//   await disk.remount();
//   ... compare what is below disk.mountPath with what was acknowledged ...

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProgram } from '../../../packages/cli/host-packages.ts';
import type { DiskEvent, DiskOrder, Order } from './disk-orders.ts';
import { type DiskPaths, diskPaths, tearDown } from './host-disk.ts';
import type { CutMode, CutReport } from './volatile-disk.ts';

export interface PowerCutDiskOptions {
  seed: number;
  sizeBytes?: number;
}

export interface CutOptions {
  /** Processes that die with the power. Whatever else has files open on the disk dies at the remount. */
  kill?: readonly number[];
  /** `torn` unless told. */
  mode?: CutMode;
}

const DEFAULT_SIZE_BYTES = 128 * MIB;
const PROGRAMS = ['nbdfuse', 'losetup', 'mkfs.ext4', 'e2fsck', 'strace'] as const;

/** Why no such disk can be had on this host; undefined when it can. */
export async function whyNoPowerCuts(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'NOT RUN: mounting disks whose power is cut needs root';
  const path = process.env['PATH'] ?? '';
  for (const name of PROGRAMS) {
    if ((await findProgram(name, path)) === undefined) {
      return `NOT RUN: ${name} is missing (Debian: libnbd-bin, util-linux, e2fsprogs, strace)`;
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
  readonly #paths: DiskPaths;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<void>();
  #cut = Promise.withResolvers<CutReport>();
  #orders = 0;

  private constructor(paths: DiskPaths, child: ChildProcess) {
    this.#paths = paths;
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
    const paths = diskPaths(await mkdtemp(join(tmpdir(), 'ironbark-power-')));
    const { seed, sizeBytes = DEFAULT_SIZE_BYTES } = options;
    await using image = await open(paths.image, 'w');
    await image.truncate(sizeBytes);
    const script = join(import.meta.dirname, 'disk-process.ts');
    const disk = new PowerCutDisk(
      paths,
      fork(script, [paths.folder, String(sizeBytes), String(seed)], {
        // A debugger or a test runner's settings are not for it.
        execArgv: [],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    );
    try {
      await disk.#ready.promise;
      await disk.#order({ kind: 'power-on' });
    } catch (error) {
      await disk[Symbol.asyncDispose]();
      throw error;
    }
    return disk;
  }

  get mountPath(): string {
    return this.#paths.mount;
  }

  /** A folder beside the disk, not on it, that goes when the disk goes. */
  get scratchPath(): string {
    return this.#paths.folder;
  }

  /** Cuts the power now. */
  async cut({ kill = [], mode = 'torn' }: CutOptions = {}): Promise<CutReport> {
    const { promise } = this.#cut;
    await this.#order({ kind: 'cut', kill, mode });
    return await promise;
  }

  /** Cuts the power in place of the write or flush that follows the next so many. */
  async cutAfterRequests({
    afterRequests,
    kill = [],
    mode = 'torn',
  }: CutOptions & { afterRequests: number }): Promise<void> {
    await this.#order({ kind: 'arm', afterRequests, kill, mode });
  }

  /** Resolves when the power has gone. */
  whenCut(): Promise<CutReport> {
    return this.#cut.promise;
  }

  /** The power is back: the file system is mounted again, which replays its journal. */
  async remount(): Promise<void> {
    this.#cut = Promise.withResolvers();
    await this.#order({ kind: 'power-off' });
    await this.#order({ kind: 'power-on' });
  }

  /** What e2fsck has to say about the disk; empty when it is clean. Ends its use. */
  async complaints(): Promise<string> {
    await this.#order({ kind: 'power-off' });
    const options = { allowExitCodes: [0, 1, 2, 4] };
    const { stdout, exitCode } = await systemCommands.run(
      'e2fsck',
      ['-fn', this.#paths.image],
      options,
    );
    return exitCode === 0 ? '' : stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#end.promise;
    // Its process has done this already unless it was killed.
    await tearDown(this.#paths);
    await rm(this.#paths.folder, { recursive: true, force: true });
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
