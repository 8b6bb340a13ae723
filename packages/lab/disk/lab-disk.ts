// Owns a modelled disk of a measurement: its process, its socket for guests, and a file for the host's own programs.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { AttachedProcess, Commands } from '@ironbark/platform/commands.ts';
import type { DiskModel } from '../testbeds.ts';
import { type DiskCounters, type DiskFigures, figuresOf } from './disk-figures.ts';
import { type DiskOrder, type DiskReply, renderModel } from './disk-orders.ts';
import { exportAsFile } from './file-export.ts';
import { DISK_NICENESS, first, putSessionFirst } from './first.ts';

export interface LabDiskOptions {
  commands: Commands;
  clock: Clock;
  /** Made, and holds everything of the disk. */
  folder: string;
  sizeBytes: number;
  model: DiskModel;
  /** Whether guests reach it over the host's own network too. */
  servesTcp?: boolean;
}

/** What the disk saw. */
export interface DiskSeen extends DiskFigures {
  counters: DiskCounters;
}

const SCRIPT = join(import.meta.dirname, 'main.ts');

export class LabDisk implements AsyncDisposable {
  readonly socketPath: string;
  /** The disk as a file of the host. */
  readonly file: string;
  /** Its bytes by themselves: whoever goes there goes past the model. */
  readonly bytesFile: string;
  #port: number | undefined;
  readonly #process: AttachedProcess;
  readonly #replies: AsyncIterator<string>;
  #export: AsyncDisposable | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, child: AttachedProcess) {
    this.socketPath = join(folder, 'nbd.sock');
    this.file = join(folder, 'disk');
    this.bytesFile = join(folder, 'bytes');
    this.#process = child;
    child.stderr.pipe(process.stderr);
    this.#replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(options: LabDiskOptions): Promise<LabDisk> {
    const { commands, folder, sizeBytes, model } = options;
    await mkdir(folder, { recursive: true });
    const args = [join(folder, 'nbd.sock'), join(folder, 'bytes'), String(sizeBytes)];
    const tcp = options.servesTcp === true ? ['tcp'] : [];
    const script = [SCRIPT, ...args, renderModel(model), ...tcp];
    const [file, ...rest] = first(DISK_NICENESS, [process.execPath, ...script]);
    const surroundings = { cwd: folder, env: {}, detached: true };
    const child = await commands.startAttached(file, rest, surroundings);
    await putSessionFirst(child.pid, DISK_NICENESS);
    const disk = new LabDisk(folder, child);
    try {
      const reply = await disk.#hear();
      if (reply.kind === 'ready') disk.#port = reply.port;
      const { socketPath, file: path } = disk;
      disk.#export = await exportAsFile({ ...options, socketPath, path });
    } catch (error) {
      await disk[Symbol.asyncDispose]();
      throw error;
    }
    return disk;
  }

  /** On 127.0.0.1; undefined unless it was asked for. */
  get port(): number | undefined {
    return this.#port;
  }

  async change(model: DiskModel): Promise<void> {
    await this.#order({ kind: 'change', model: renderModel(model) });
  }

  /** What the disk saw while `work` went on. */
  async watch<T>(work: () => Promise<T>): Promise<{ result: T; seen: DiskSeen }> {
    await this.#order({ kind: 'begin' });
    const result = await work();
    const counters = await this.#order({ kind: 'look' });
    return { result, seen: { counters, ...figuresOf(counters) } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#export?.[Symbol.asyncDispose]();
    this.#process.stdin.end();
    await this.#process.ended;
  }

  async #order(order: DiskOrder): Promise<DiskCounters> {
    const answer = this.#last.then(async () => {
      this.#process.stdin.write(`${JSON.stringify(order)}\n`);
      return await this.#hear();
    });
    this.#last = answer.catch(() => {});
    const reply = await answer;
    if (reply.kind !== 'done') throw new Error('the modelled disk answered something else');
    return reply.counters;
  }

  async #hear(): Promise<DiskReply> {
    const { value, done } = await this.#replies.next();
    if (done === true) throw new Error('the process of the modelled disk has ended');
    return JSON.parse(value) as DiskReply;
  }
}
