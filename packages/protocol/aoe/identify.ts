// Owns the answer to IDENTIFY DEVICE (ATA/ATAPI-7, section 6.17): 256 words that say what the disk is and can do.

import { SECTOR_BYTES } from './ata.ts';

export interface DiskIdentity {
  sectors: number;
  /** 20, 8 and 40 ASCII characters at most. */
  serial: string;
  firmware: string;
  model: string;
  isWriteCacheOn: boolean;
}

const MAX_LBA28_SECTORS = 0x0fff_ffff;
const FIXED_DISK = 0x0040;
const LBA_SUPPORTED = 0x0200;
const WRITE_CACHE = 1 << 5;
const LBA48 = 1 << 10;
const FLUSH_CACHE = 1 << 12;
const FLUSH_CACHE_EXT = 1 << 13;
/** Bit 14 set and bit 15 clear: the word means something. */
const VALID = 0x4000;
const ATA_4_TO_7 = 0x00f0;
/** Valid; several logical sectors to a physical one; eight of them: 4 KiB. */
const PHYSICAL_SECTOR = VALID | 0x2000 | 3;
/** Word 255: the low byte says that the high byte makes the sum of all bytes zero. */
const INTEGRITY = 0xa5;

/** Writes 512 bytes to `target`. */
export function renderIdentity(target: Buffer, identity: DiskIdentity): void {
  target.fill(0, 0, SECTOR_BYTES);
  const word = (index: number, value: number) => target.writeUInt16LE(value, index * 2);
  word(0, FIXED_DISK);
  writeText(target, 10, 20, identity.serial);
  writeText(target, 23, 8, identity.firmware);
  writeText(target, 27, 40, identity.model);
  word(47, 0x8000);
  word(49, LBA_SUPPORTED);
  word(50, VALID);
  target.writeUInt32LE(Math.min(identity.sectors, MAX_LBA28_SECTORS), 60 * 2);
  word(80, ATA_4_TO_7);
  word(82, WRITE_CACHE);
  word(83, VALID | LBA48 | FLUSH_CACHE | FLUSH_CACHE_EXT);
  word(84, VALID);
  word(85, identity.isWriteCacheOn ? WRITE_CACHE : 0);
  word(86, LBA48 | FLUSH_CACHE | FLUSH_CACHE_EXT);
  word(87, VALID);
  target.writeBigUInt64LE(BigInt(identity.sectors), 100 * 2);
  word(106, PHYSICAL_SECTOR);
  target[510] = INTEGRITY;
  target[511] = -target.subarray(0, 511).reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** ATA has the first character of each pair in the high byte. */
function writeText(target: Buffer, firstWord: number, length: number, text: string): void {
  const padded = text
    .replace(/[^\x20-\x7e]/g, ' ')
    .slice(0, length)
    .padEnd(length, ' ');
  for (let at = 0; at < length; at += 1) {
    target[firstWord * 2 + (at ^ 1)] = padded.charCodeAt(at);
  }
}

/** As an initiator reads it. Undefined when its sum is wrong. */
export function parseIdentity(bytes: Buffer): DiskIdentity | undefined {
  if (bytes.length < SECTOR_BYTES) return undefined;
  const sum = bytes.subarray(0, SECTOR_BYTES).reduce((total, byte) => total + byte, 0);
  if (bytes[510] === INTEGRITY && (sum & 0xff) !== 0) return undefined;
  return {
    sectors: Number(bytes.readBigUInt64LE(200)),
    serial: readText(bytes, 10, 20),
    firmware: readText(bytes, 23, 8),
    model: readText(bytes, 27, 40),
    isWriteCacheOn: (bytes.readUInt16LE(170) & WRITE_CACHE) !== 0,
  };
}

function readText(bytes: Buffer, firstWord: number, length: number): string {
  const codes = Array.from({ length }, (_, at) => bytes[firstWord * 2 + (at ^ 1)]!);
  return String.fromCharCode(...codes).trim();
}
