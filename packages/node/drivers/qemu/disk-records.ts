// Owns what the driver remembers of a guest's disks, in the guest's folder: what each really runs with, and where a
// volume is served.

import { join } from 'node:path';
import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import { readFileIfPresent, replaceFile } from '@ironbark/platform/files.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';

export interface DiskRecord {
  profile: DiskProfile;
  /** Absent for the root disk. */
  source?: BlockExport;
}

/** By serial: `root` and volume ids. One that is listed may not be plugged yet, or no longer. */
export type DiskRecords = Readonly<Record<string, DiskRecord>>;

export async function readDiskRecords(directory: string): Promise<DiskRecords> {
  const bytes = await readFileIfPresent(pathIn(directory));
  return bytes === undefined ? {} : JSON.parse(bytes.toString());
}

export async function writeDiskRecords(directory: string, records: DiskRecords): Promise<void> {
  await replaceFile(pathIn(directory), JSON.stringify(records));
}

function pathIn(directory: string): string {
  return join(directory, 'disks.json');
}
