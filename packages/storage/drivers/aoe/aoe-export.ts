// Owns one exported disk: who may use it, what is left on it by its users, and what each frame that is addressed to it
// leads to.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import { SECTOR_BYTES } from '@ironbark/protocol/aoe/ata.ts';
import type { MacNumber } from '@ironbark/protocol/aoe/frame.ts';
import { mayCommand } from '@ironbark/protocol/aoe/mac-lists.ts';
import type { ExportSettings } from './export-settings.ts';
import type { LeftBehind, LeftBehindFile } from './left-behind.ts';

export class AoeExport {
  settings: ExportSettings;
  sectors = 0;
  readonly file: FileHandle;
  readonly #kept: LeftBehindFile;
  #admitted: ReadonlySet<MacNumber> | undefined;
  #left: LeftBehind;
  #isKeeping = false;

  private constructor(
    settings: ExportSettings,
    file: FileHandle,
    kept: LeftBehindFile,
    left: LeftBehind,
  ) {
    this.settings = settings;
    this.file = file;
    this.#kept = kept;
    this.#left = left;
  }

  /** The file is opened once; whatever happens to its name later, this disk stays this disk. */
  static async open(settings: ExportSettings, kept: LeftBehindFile): Promise<AoeExport> {
    const access = settings.isReadOnly ? constants.O_RDONLY : constants.O_RDWR;
    const file = await open(settings.path, access | constants.O_NOFOLLOW);
    try {
      const opened = new AoeExport(settings, file, kept, await kept.read());
      await opened.adopt(settings);
      return opened;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Takes over what may change while the disk is in use: who is admitted, and a file that has grown. */
  async adopt(settings: ExportSettings): Promise<void> {
    this.settings = settings;
    this.#admitted = settings.admits === undefined ? undefined : new Set(settings.admits);
    const facts = await this.file.stat();
    if (!facts.isFile()) {
      throw new ServiceError({
        kind: 'malformed-input',
        resource: 'volume',
        message: `${settings.path} is no regular file.`,
      });
    }
    this.sectors = Math.floor(facts.size / SECTOR_BYTES);
  }

  /** The owner's list first, which no frame can change; then the one that admitted users keep. */
  admits(source: MacNumber): boolean {
    if (this.#admitted !== undefined && !this.#admitted.has(source)) return false;
    return this.#left.masks.length === 0 || this.#left.masks.includes(source);
  }

  mayCommand(source: MacNumber): boolean {
    return mayCommand(this.#left.reserved, source);
  }

  get left(): LeftBehind {
    return this.#left;
  }

  get isWriteCacheOn(): boolean {
    return this.#left.isWriteCacheOn ?? this.settings.writeCache === 'on';
  }

  /** False when a change is under way: whoever asked asks again. */
  async change(part: Partial<LeftBehind>): Promise<boolean> {
    if (this.#isKeeping) return false;
    this.#isKeeping = true;
    try {
      const next = { ...this.#left, ...part };
      await this.#kept.write(next);
      this.#left = next;
      return true;
    } finally {
      this.#isKeeping = false;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
