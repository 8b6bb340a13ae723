// Owns what users leave on a disk besides its data, and that has to be there after a restart of the target: its config
// string, its lists of addresses, its write cache's setting.

import { join } from 'node:path';
import { readKeptFile, replaceFile } from '@ironbark/platform/files.ts';
import type { MacNumber } from '@ironbark/protocol/aoe/frame.ts';
import type { ExportSettings } from './export-settings.ts';

export interface LeftBehind {
  config: Buffer;
  masks: readonly MacNumber[];
  reserved: readonly MacNumber[];
  /** Absent while nobody has chosen. */
  isWriteCacheOn?: boolean;
}

export interface LeftBehindFile {
  read(): Promise<LeftBehind>;
  write(left: LeftBehind): Promise<void>;
}

const NOTHING: LeftBehind = { config: Buffer.alloc(0), masks: [], reserved: [] };

/** One file a disk, which belongs to its serial number: another disk at the same address starts anew. */
export function leftBehindFile(
  folder: string,
  { shelf, slot, serial }: ExportSettings,
): LeftBehindFile {
  const path = join(folder, `${shelf}.${slot}.json`);
  return {
    read: async () => {
      const text = (await readKeptFile(path))?.toString('utf8');
      const kept = text === undefined ? undefined : JSON.parse(text);
      if (kept?.serial !== serial) return NOTHING;
      return { ...kept.left, config: Buffer.from(kept.left.config, 'base64') };
    },
    write: (left) => {
      const plain = { ...left, config: left.config.toString('base64') };
      return replaceFile(path, JSON.stringify({ serial, left: plain }));
    },
  };
}
