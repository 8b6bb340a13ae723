// Owns what an AoE target is told to serve, and what it says of it.

import { type Check, object, oneOf } from '@ironbark/protocol/internal/wire/checks.ts';
import { ControlListener } from '../guest-targets/control-listener.ts';
import { Revocations } from '../guest-targets/revocations.ts';
import { AoeExport } from './aoe-export.ts';
import type { AoeTarget } from './aoe-target.ts';
import type { DiskCounters, TargetCounters } from './counters.ts';
import {
  addressList,
  addressOf,
  type DiskAddress,
  type ExportSettings,
  exportList,
  renderSettings,
} from './export-settings.ts';
import { leftBehindFile } from './left-behind.ts';

export interface TargetStatus {
  counters: TargetCounters;
  /** Disks that were taken from users who may not know it yet. */
  revoked: number;
  exports: ExportStatus[];
}

export interface ExportStatus {
  shelf: number;
  slot: number;
  serial: string;
  sectors: number;
  /** What serves it does not: its users wait. */
  isAway: boolean;
  isWriteCacheOn: boolean;
  /** A sync has failed: nothing is written any more. */
  isBroken: boolean;
  /** Of the clock that never jumps. */
  openedAtMs: number;
  counters: DiskCounters;
}

interface Question {
  verb: 'serve' | 'open' | 'close' | 'revoke' | 'status';
  /** For `serve`: all disks, in place of those before. For `open`: those beside them. */
  exports?: ExportSettings[];
  /** For `close` and `revoke`. */
  addresses?: DiskAddress[];
}

const question: Check<Question> = object<Question>({
  verb: oneOf('serve', 'open', 'close', 'revoke', 'status'),
  exports: { optional: exportList },
  addresses: { optional: addressList },
});

export class ControlServer {
  readonly #target: AoeTarget;
  readonly #folder: string;
  readonly #listener = new ControlListener((asked) => this.#answer(asked));
  readonly #revocations = new Revocations();
  readonly #onIdle: () => void;

  /** `onIdle`: the last disk was taken from its users some time ago, and there is no other. */
  constructor(target: AoeTarget, folder: string, onIdle: () => void) {
    this.#target = target;
    this.#folder = folder;
    this.#onIdle = onIdle;
  }

  listen(path: string): Promise<void> {
    return this.#listener.listen(path);
  }

  /** Serves nothing any more; what is under way is ended first. */
  async close(): Promise<void> {
    this.#revocations.close();
    await this.#listener.close();
    await this.#serve([]);
  }

  async #answer(asked: unknown): Promise<TargetStatus> {
    const { verb, exports = [], addresses = [] } = question(asked, '');
    if (verb === 'serve') await this.#serve(exports);
    if (verb === 'open') await this.#open(exports);
    for (const address of addresses.map(addressOf)) {
      if (verb === 'close') await this.#target.remove(address);
      if (verb === 'revoke') await this.#revoke(address);
    }
    return this.#status();
  }

  async #serve(wanted: readonly ExportSettings[]): Promise<void> {
    const byAddress = new Map(wanted.map((each) => [addressOf(each), each]));
    for (const { disk } of this.#target.list()) {
      const next = byAddress.get(addressOf(disk.settings));
      if (next === undefined || !isSameDisk(disk.settings, next)) {
        await this.#target.remove(addressOf(disk.settings));
      }
    }
    await this.#open(wanted);
  }

  /** A disk that is there already takes over what may change. */
  async #open(wanted: readonly ExportSettings[]): Promise<void> {
    for (const settings of wanted) {
      const address = addressOf(settings);
      const found = this.#target.find(address);
      const present =
        found !== undefined && isSameDisk(found.settings, settings) ? found : undefined;
      if (present === undefined) await this.#target.remove(address);
      if (present !== undefined) await present.adopt(settings);
      else this.#target.add(await AoeExport.open(settings, leftBehindFile(this.#folder, settings)));
    }
  }

  async #revoke(address: number): Promise<void> {
    await this.#target.revoke(address);
    this.#revocations.add(() => this.#forget(address));
  }

  #forget(address: number): void {
    this.#target.forget(address);
    if (this.#target.list().length === 0 && this.#target.revokedCount === 0) this.#onIdle();
  }

  #status(): TargetStatus {
    const exports = this.#target.list().map(({ disk, queue, openedAtMs, counters }) => ({
      shelf: disk.settings.shelf,
      slot: disk.settings.slot,
      serial: disk.settings.serial,
      sectors: disk.sectors,
      isAway: disk.source.isAway,
      isWriteCacheOn: disk.isWriteCacheOn,
      isBroken: queue.isBroken,
      openedAtMs,
      counters,
    }));
    return { counters: this.#target.counters, revoked: this.#target.revokedCount, exports };
  }
}

/** What may differ without the disk being another one. */
function isSameDisk(present: ExportSettings, next: ExportSettings): boolean {
  const fixed = ({ admits: _, ...rest }: ExportSettings) => JSON.stringify(renderSettings(rest));
  return fixed(present) === fixed(next);
}
