// Owns the socket over which a target is told what to serve: one line of JSON for a question, one for its answer.

import { createServer, type Server, type Socket } from 'node:net';
import { type Check, object, oneOf } from '@ironbark/protocol/internal/wire/checks.ts';
import { AoeExport } from './aoe-export.ts';
import type { AoeTarget } from './aoe-target.ts';
import type { DiskCounters, TargetCounters } from './counters.ts';
import { addressOf, type ExportSettings, exportList, renderSettings } from './export-settings.ts';
import { leftBehindFile } from './left-behind.ts';

export interface TargetStatus {
  counters: TargetCounters;
  exports: ExportStatus[];
}

export interface ExportStatus {
  shelf: number;
  slot: number;
  serial: string;
  sectors: number;
  isWriteCacheOn: boolean;
  /** A sync has failed: nothing is written any more. */
  isBroken: boolean;
  counters: DiskCounters;
}

interface Question {
  verb: 'serve' | 'status';
  /** For `serve`: all disks, in place of those before. */
  exports?: ExportSettings[];
}

const question: Check<Question> = object<Question>({
  verb: oneOf('serve', 'status'),
  exports: { optional: exportList },
});

/** More than all exports with all their fields. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024;

export class ControlServer {
  readonly #target: AoeTarget;
  readonly #folder: string;
  readonly #server: Server = createServer((socket) => this.#talk(socket));
  readonly #sockets = new Set<Socket>();
  /** One change after the other. */
  #order: Promise<unknown> = Promise.resolve();

  constructor(target: AoeTarget, folder: string) {
    this.#target = target;
    this.#folder = folder;
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => resolve());
    });
  }

  /** Serves nothing any more; what is under way is ended first. */
  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.#order;
    await this.#serve([]);
  }

  #talk(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop()!;
      if (text.length > MAX_LINE_LENGTH) socket.destroy();
      for (const line of lines) {
        const answer = this.#order.then(() => this.#answer(line));
        this.#order = answer;
        void answer.then((reply) => socket.write(`${reply}\n`));
      }
    });
  }

  async #answer(line: string): Promise<string> {
    try {
      const { verb, exports } = question(JSON.parse(line), '');
      if (verb === 'serve') await this.#serve(exports ?? []);
      return JSON.stringify({ status: this.#status() });
    } catch (error) {
      return JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
    }
  }

  async #serve(wanted: readonly ExportSettings[]): Promise<void> {
    const byAddress = new Map(wanted.map((each) => [addressOf(each), each]));
    for (const { disk } of this.#target.list()) {
      const next = byAddress.get(addressOf(disk.settings));
      if (next === undefined || !isSameDisk(disk.settings, next)) {
        await this.#target.remove(addressOf(disk.settings));
      }
    }
    for (const [address, settings] of byAddress) {
      const present = this.#target.find(address);
      if (present !== undefined) await present.adopt(settings);
      else this.#target.add(await AoeExport.open(settings, leftBehindFile(this.#folder, settings)));
    }
  }

  #status(): TargetStatus {
    const exports = this.#target.list().map(({ disk, queue, counters }) => ({
      shelf: disk.settings.shelf,
      slot: disk.settings.slot,
      serial: disk.settings.serial,
      sectors: disk.sectors,
      isWriteCacheOn: disk.isWriteCacheOn,
      isBroken: queue.isBroken,
      counters,
    }));
    return { counters: this.#target.counters, exports };
  }
}

/** What may differ without the disk being another one. */
function isSameDisk(present: ExportSettings, next: ExportSettings): boolean {
  const fixed = ({ admits: _, ...rest }: ExportSettings) => JSON.stringify(renderSettings(rest));
  return fixed(present) === fixed(next);
}
