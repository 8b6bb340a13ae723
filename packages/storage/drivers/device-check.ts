// Owns whether a disk or partition may hold volumes: it is one, nobody uses it, and nothing of value is on it as far
// as anybody can tell. What carries a label of ours is ours.

import { constants, type FileHandle, open, readFile, realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import { type DeviceLabel, LABEL_BYTES, readLabel } from './device-label.ts';

export interface OpenedDevice {
  /** As the administrator wrote it. */
  path: string;
  /** The kernel's number of it. */
  rdev: number;
  sizeBytes: number;
  /** Held exclusively: while it is open nobody can mount the device or make a file system on it. */
  handle: FileHandle;
  label: DeviceLabel | undefined;
}

/** Volumes have whole mebibytes of it. */
export function usableBytes({ sizeBytes }: Pick<OpenedDevice, 'sizeBytes'>): number {
  return Math.max(0, Math.floor((sizeBytes - LABEL_BYTES) / MIB) * MIB);
}

/** Throws a sentence that says what is in the way and what to do about it. */
export async function openDevice(path: string, commands: Commands): Promise<OpenedDevice> {
  const facts = await stat(path).catch((error: unknown) => {
    throw unusable(path, hasCode(error, 'ENOENT') ? 'there is none' : 'it cannot be read', error);
  });
  if (!facts.isBlockDevice()) throw unusable(path, 'it is no block device');
  const handle = await openExclusively(path);
  try {
    const sizeBytes = await readSize(path);
    const device = { path, rdev: facts.rdev, sizeBytes, handle };
    if (usableBytes(device) < MIB) throw unusable(path, 'it is too small');
    const label = await readLabel(handle, sizeBytes);
    if (label === undefined) await requireEmpty(path, commands);
    return { ...device, label };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openExclusively(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_EXCL);
  } catch (error) {
    const why = hasCode(error, 'EBUSY')
      ? 'it is in use: mounted, swap, part of a RAID or volume group, or of another cloud'
      : 'it cannot be opened for writing';
    throw unusable(path, why, error);
  }
}

/** The kernel counts in these, whatever the disk's own sectors are. */
const KERNEL_SECTOR_BYTES = 512;

async function readSize(path: string): Promise<number> {
  const name = basename(await realpath(path));
  const text = await readFile(`/sys/class/block/${name}/size`, 'utf8');
  return Number(text) * KERNEL_SECTOR_BYTES;
}

/** wipefs knows the marks of file systems, partition tables, RAIDs, volume groups, swap and encryption. */
async function requireEmpty(path: string, commands: Commands): Promise<void> {
  const args = ['--no-act', '--noheadings', '--output', 'TYPE', path];
  const { stdout } = await commands.run('wipefs', args);
  const found = [...new Set(stdout.split(/\s+/).filter((word) => word !== ''))];
  if (found.length === 0) return;
  const what = `it holds ${found.join(', ')}`;
  throw unusable(path, `${what}. If nothing on it is needed: wipefs --all ${path}`);
}

function unusable(path: string, why: string, cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'device',
    message: `${path} cannot hold volumes: ${why}.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
