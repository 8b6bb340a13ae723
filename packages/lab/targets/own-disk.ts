// Owns whether a file or device that somebody names may be written over: by what is in it, whatever it is called.

import { constants, type FileHandle, open } from 'node:fs/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB, renderBytes } from '@ironbark/core/units.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { hasCode, statIfPresent } from '@ironbark/platform/files.ts';

export interface OwnDiskNeeds {
  /** What is written over, from its beginning on. */
  sizeBytes: number;
  /** What it holds is not needed any more. */
  mayDestroy: boolean;
}

const LOOK_BYTES = 4 * MIB;
const ALL_ZERO = Buffer.alloc(LOOK_BYTES);
const READ_ONLY_SIZE_TIMEOUT_MS = 10_000;

/** Throws a sentence that says what is in the way. */
export async function requireWritable(
  commands: Commands,
  path: string,
  { sizeBytes, mayDestroy }: OwnDiskNeeds,
): Promise<void> {
  const facts = await statIfPresent(path);
  if (facts === undefined) throw refused(path, 'there is no such file or device');
  if (!facts.isFile() && !facts.isBlockDevice()) throw refused(path, 'it is no file and no disk');
  const size = facts.isFile() ? facts.size : await deviceBytes(commands, path);
  if (size < sizeBytes) {
    throw refused(path, `it has ${renderBytes(size)}, and this takes ${renderBytes(sizeBytes)}`);
  }
  await using handle = await openAlone(path, facts.isBlockDevice());
  if (mayDestroy) return;
  const found = (await signatures(commands, path)) ?? (await firstByte(handle, sizeBytes));
  if (found !== undefined) {
    throw refused(path, `${found}. --destroy writes over it all the same`);
  }
}

/** Nobody has it mounted, nor is it part of anything: not with `--destroy` either. */
async function openAlone(path: string, isDevice: boolean): Promise<FileHandle> {
  const flags = constants.O_RDWR | (isDevice ? constants.O_EXCL : 0);
  return await open(path, flags).catch((error: unknown) => {
    const why = hasCode(error, 'EBUSY')
      ? 'it is in use: mounted, swap, or part of a RAID or volume group'
      : 'it cannot be opened for writing';
    throw refused(path, why, error);
  });
}

async function deviceBytes(commands: Commands, path: string): Promise<number> {
  const options = { timeoutMs: READ_ONLY_SIZE_TIMEOUT_MS };
  const { stdout } = await commands.run('blockdev', ['--getsize64', path], options);
  return Number(stdout.trim());
}

/** File systems, partition tables, swap and the like, also those whose mark is at the end. */
async function signatures(commands: Commands, path: string): Promise<string | undefined> {
  const args = ['--no-act', '--noheadings', '--output', 'TYPE', path];
  const { stdout } = await commands.run('wipefs', args);
  const types = [...new Set(stdout.split(/\s+/).filter((word) => word !== ''))];
  return types.length === 0 ? undefined : `it holds ${types.join(', ')}`;
}

async function firstByte(handle: FileHandle, sizeBytes: number): Promise<string | undefined> {
  const bytes = Buffer.alloc(LOOK_BYTES);
  for (let at = 0; at < sizeBytes; at += LOOK_BYTES) {
    const length = Math.min(LOOK_BYTES, sizeBytes - at);
    const { bytesRead } = await handle.read(bytes, 0, length, at);
    const part = bytes.subarray(0, bytesRead);
    if (part.equals(ALL_ZERO.subarray(0, bytesRead))) continue;
    const offset = at + part.findIndex((byte) => byte !== 0);
    return `it holds data: the byte at ${offset} is not zero`;
  }
  return undefined;
}

function refused(path: string, why: string, cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'device',
    message: `${path} is not measured: ${why}.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
