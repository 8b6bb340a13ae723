// Owns turning an inspected file into a raw disk. The format is always spelled out, and qemu-img runs with
// limits on time, memory and size, as an unprivileged user where there is one to change to.

import { constants } from 'node:fs';
import { chmod, chown, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ServiceError } from '@ironbark/core/errors.ts';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';
import {
  asUser,
  CLEAN_ENVIRONMENT,
  type ConfinedCommand,
  confine,
} from '@ironbark/platform/confinement.ts';
import { renameDurably, syncFile } from '@ironbark/platform/files.ts';
import { type InspectedImage, type InspectOptions, inspectImage } from './inspect-image.ts';

export interface ConvertOptions {
  sourcePath: string;
  /** What {@link inspectImage} said of the source. */
  inspected: InspectedImage;
  maxVirtualBytes?: number;
  /** Takes the raw disk; absent before, and absent again after an error. */
  targetPath: string;
  commands: Commands;
  signal?: AbortSignal;
}

/** `nobody` on every Debian; qemu-img owns nothing else there. */
const UNPRIVILEGED_ID = 65534;
const TIMEOUT_MS = 30 * 60_000;
/** qemu-img converts with 16 buffers of 2 MiB; the rest is its program and libraries. */
const MEMORY_BYTES = 2 * GIB;
const CPU_SECONDS = 1_200;
/** A disk that does not end on a cluster may be written to the end of its last one. */
const SIZE_MARGIN_BYTES = 2 * MIB;

export async function convertToRaw(options: ConvertOptions): Promise<void> {
  const folder = await mkdtemp(join(dirname(options.targetPath), 'import-'));
  try {
    const source = await privateCopy(options, folder);
    const target = join(folder, 'disk.raw');
    if (options.inspected.format === 'raw') await renameDurably(source, target);
    else await convert(options, source, target);
    await requireSize(target, options.inspected.virtualBytes);
    await settle(target, options.targetPath);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Between look and use nobody else can change these bytes, and the unprivileged user reaches nothing else. */
async function privateCopy(options: ConvertOptions, folder: string): Promise<string> {
  const source = join(folder, 'source');
  await copyFile(options.sourcePath, source, constants.COPYFILE_FICLONE);
  const copied = await inspectImage(source, limitsOf(options));
  if (!isDeepStrictEqual(copied, options.inspected)) {
    throw new ServiceError({
      kind: 'incorrect-state',
      resource: 'image',
      message: 'The file changed while it was being imported.',
    });
  }
  await chmod(source, 0o600);
  return source;
}

function limitsOf({ maxVirtualBytes }: ConvertOptions): InspectOptions {
  return maxVirtualBytes === undefined ? {} : { maxVirtualBytes };
}

async function convert(options: ConvertOptions, source: string, target: string): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  const folder = dirname(target);
  if (isRoot)
    for (const path of [source, folder]) await chown(path, UNPRIVILEGED_ID, UNPRIVILEGED_ID);
  const { file, args } = confined(options.inspected.virtualBytes, isRoot, [
    'convert',
    '-f',
    options.inspected.format,
    '-O',
    'raw',
    // Relative names: the user that qemu-img runs as may not pass the folders above.
    'source',
    'disk.raw',
  ]);
  try {
    await options.commands.run(file, args, {
      cwd: folder,
      env: CLEAN_ENVIRONMENT,
      timeoutMs: TIMEOUT_MS,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw conversionFailed(error);
  }
  if (isRoot) await chown(target, 0, 0);
}

function confined(virtualBytes: number, isRoot: boolean, args: string[]): ConfinedCommand {
  const limits = [
    `--as=${MEMORY_BYTES}`,
    `--cpu=${CPU_SECONDS}`,
    `--fsize=${virtualBytes + SIZE_MARGIN_BYTES}`,
    '--core=0',
    '--nofile=64',
  ];
  const user = asUser(isRoot ? UNPRIVILEGED_ID : undefined);
  return confine(user, 'prlimit', [...limits, 'qemu-img', ...args]);
}

async function requireSize(path: string, expected: number): Promise<void> {
  const { size } = await stat(path);
  // qcow2 allows disks that end within a sector; raw ones are rounded up.
  if (size < expected || size > expected + SIZE_MARGIN_BYTES) throw conversionFailed();
}

async function settle(temporary: string, target: string): Promise<void> {
  await chmod(temporary, 0o600);
  await syncFile(temporary);
  await renameDurably(temporary, target);
}

function conversionFailed(cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'image',
    message: 'The image could not be converted: its contents are damaged, or it takes too long.',
    cause,
  });
}
