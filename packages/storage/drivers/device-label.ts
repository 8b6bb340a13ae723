// Owns the label of a device that holds a volume: its last 4 KiB, of which one sector is used, so that it is written
// whole or not at all. The device says itself whose it is, wherever the kernel finds it after a restart.
//
//   (none) --prepare--> making --finish--> ready --remove--> wiping --> (none)

import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { isResourceId, type VolumeId } from '@ironbark/core/ids.ts';
import { writeAfterAll } from '@ironbark/platform/files.ts';

export interface DeviceLabel {
  volumeId: VolumeId;
  state: 'making' | 'ready' | 'wiping';
  /** Of the volume, from the device's beginning. */
  sizeBytes: number;
  /** While it is made or wiped: how much is zeros already. */
  clearedBytes: number;
}

const MAGIC = 'ironbark-device/1';
const SECTOR_BYTES = 512;
/** Aligned for every disk. */
export const LABEL_BYTES = 4096;

export function renderLabel(label: DeviceLabel): Buffer {
  const { volumeId, state, sizeBytes, clearedBytes } = label;
  const facts = `${MAGIC} ${volumeId} ${state} ${sizeBytes} ${clearedBytes}`;
  const sector = Buffer.from(`${facts} ${crc32(facts)}\n`);
  if (sector.length > SECTOR_BYTES) throw new Error('a label does not fit its sector');
  return Buffer.concat([sector], LABEL_BYTES);
}

/** Undefined for anything else. */
export function parseLabel(bytes: Uint8Array): DeviceLabel | undefined {
  const text = Buffer.from(bytes.subarray(0, SECTOR_BYTES)).toString('latin1');
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, facts, volumeId, state, size, cleared, sum] = match as unknown as string[];
  if (Number(sum) !== crc32(facts!) || !isResourceId('vol', volumeId!)) return undefined;
  const known = state as DeviceLabel['state'];
  return { volumeId, state: known, sizeBytes: Number(size), clearedBytes: Number(cleared) };
}

const FORM = new RegExp(
  `^(${MAGIC} (vol-[0-9a-f]+) (making|ready|wiping) ([0-9]{1,16}) ([0-9]{1,16})) ([0-9]{1,10})\n`,
);

export async function readLabel(
  handle: FileHandle,
  deviceBytes: number,
): Promise<DeviceLabel | undefined> {
  const buffer = Buffer.alloc(LABEL_BYTES);
  const { bytesRead } = await handle.read(buffer, 0, LABEL_BYTES, deviceBytes - LABEL_BYTES);
  return parseLabel(buffer.subarray(0, bytesRead));
}

/** Durable when it resolves. What the label says is true before it is said: what was written before is durable, too. */
export async function writeLabel(
  handle: FileHandle,
  deviceBytes: number,
  label: DeviceLabel | undefined,
): Promise<void> {
  const bytes = label === undefined ? Buffer.alloc(LABEL_BYTES) : renderLabel(label);
  await writeAfterAll(handle, bytes, deviceBytes - LABEL_BYTES);
}
