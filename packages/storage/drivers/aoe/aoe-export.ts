// Owns one exported disk: who may use it, what is left on it by its users, and what each frame that is addressed to it
// leads to.

import { SECTOR_BYTES } from '@ironbark/protocol/aoe/ata.ts';
import type { MacNumber } from '@ironbark/protocol/aoe/frame.ts';
import { mayCommand } from '@ironbark/protocol/aoe/mac-lists.ts';
import type { DiskSource } from './disk-source.ts';
import type { ExportSettings } from './export-settings.ts';
import { openFileDisk } from './file-disk.ts';
import type { LeftBehind, LeftBehindFile } from './left-behind.ts';
import { openServedVolume } from './served-volume-disk.ts';

export class AoeExport {
  settings: ExportSettings;
  sectors = 0;
  readonly source: DiskSource;
  readonly #kept: LeftBehindFile;
  #admitted: ReadonlySet<MacNumber> | undefined;
  #left: LeftBehind;
  #isKeeping = false;

  private constructor(
    settings: ExportSettings,
    source: DiskSource,
    kept: LeftBehindFile,
    left: LeftBehind,
  ) {
    this.settings = settings;
    this.source = source;
    source.onResize((sizeBytes) => this.#measure(sizeBytes));
    this.#kept = kept;
    this.#left = left;
  }

  static async open(settings: ExportSettings, kept: LeftBehindFile): Promise<AoeExport> {
    const source = await openSource(settings);
    try {
      const opened = new AoeExport(settings, source, kept, await kept.read());
      await opened.adopt(settings);
      return opened;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Takes over what may change while the disk is in use: who is admitted, and a disk that has grown. */
  async adopt(settings: ExportSettings): Promise<void> {
    this.settings = settings;
    this.#admitted = settings.admits === undefined ? undefined : new Set(settings.admits);
    this.#measure(await this.source.sizeBytes());
  }

  #measure(sizeBytes: number): void {
    this.sectors = Math.floor(sizeBytes / SECTOR_BYTES);
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
    return this.source.close();
  }
}

function openSource({ path, exportName, isReadOnly }: ExportSettings): Promise<DiskSource> {
  return exportName === undefined
    ? openFileDisk(path, isReadOnly)
    : openServedVolume(path, exportName);
}
