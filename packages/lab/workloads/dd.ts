// Owns dd, the paper's own program, as the host and guests run it: its arguments and what it prints.

import { KIB } from '@ironbark/core/units.ts';
import type { Commands } from '@ironbark/platform/commands.ts';

export interface Transfer {
  /** A device or a file. */
  path: string;
  bytes: number;
  /** Past the page cache, one request at a time. */
  direct?: boolean;
  blockBytes?: number;
  /** Where to begin, in bytes; a multiple of the block. */
  at?: number;
}

/** The paper's blocks. */
export const BLOCK_BYTES = 64 * KIB;

export function readArguments({ path, bytes, direct, blockBytes = BLOCK_BYTES, at = 0 }: Transfer) {
  return [
    ...[`if=${path}`, 'of=/dev/null', `bs=${blockBytes}`, `count=${bytes / blockBytes}`],
    ...[`skip=${at / blockBytes}`, ...(direct === true ? ['iflag=direct'] : [])],
  ];
}

/** A buffered write counts until it is on the disk. */
export function writeArguments({
  path,
  bytes,
  direct,
  blockBytes = BLOCK_BYTES,
  at = 0,
}: Transfer) {
  return [
    ...['if=/dev/zero', `of=${path}`, `bs=${blockBytes}`, `count=${bytes / blockBytes}`],
    ...[`seek=${at / blockBytes}`, direct === true ? 'oflag=direct' : 'conv=fsync,notrunc'],
    ...(direct === true ? ['conv=notrunc'] : []),
  ];
}

export function transferArguments(direction: 'read' | 'write', transfer: Transfer): string[] {
  return direction === 'read' ? readArguments(transfer) : writeArguments(transfer);
}

/** MB/s, from dd's last line: `67108864 bytes (67 MB, 64 MiB) copied, 2.61 s, 25.7 MB/s`. */
export function parseRate(text: string): number {
  const match = /^(\d+) bytes .*copied, ([0-9.e+-]+) s/m.exec(text);
  if (match === null) throw new Error(`dd said: ${text}`);
  return Number(match[1]) / Number(match[2]) / 1e6;
}

/** Takes a file's or a device's bytes out of the host's page cache. */
export async function forgetPages(commands: Commands, path: string): Promise<void> {
  const args = [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'];
  await commands.run('dd', args);
}
