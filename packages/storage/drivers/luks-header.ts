// Owns the header of an encrypted volume: LUKS, version 1, with one key slot (LUKS1 On-Disk Format Specification 1.2.3).
// QEMU's own driver and cryptsetup read it. It is made from the volume's key, so one that is lost can be made again.
//
//   0 header, 592 bytes | 4096 key slot 0: the payload's key, split | ... | 2 MiB payload: the volume's bytes

import { createHash, pbkdf2Sync } from 'node:crypto';
import { MIB } from '@ironbark/core/units.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { SECTOR_BYTES, sealSectors, XTS_KEY_BYTES } from './aes-xts.ts';

/** Where the volume's bytes begin: as cryptsetup has it, and aligned for every disk. */
export const LUKS_HEADER_BYTES = 2 * MIB;

export interface LuksKeys {
  /** Of 256 random bits, so that deriving keys from it need not be slow. */
  passphrase: string;
  /** What the payload is encrypted with. */
  payloadKey: Buffer;
}

const MAGIC = Buffer.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe]);
const VERSION = 1;
const HASH = 'sha256';
const HASH_BYTES = 32;
/** The least that LUKS takes. */
const ITERATIONS = 1_000;
const DIGEST_BYTES = 20;
const SALT_BYTES = 32;
const STRIPES = 4_000;
const SLOTS = 8;
const SLOT_BYTES = 48;
const SLOTS_AT = 208;
const ENABLED = 0x00ac71f3;
const DISABLED = 0x0000dead;
/** Key slots begin here and after each other, each rounded up to this. */
const SLOT_ALIGNMENT_SECTORS = 4_096 / SECTOR_BYTES;
const SLOT_SECTORS =
  Math.ceil((XTS_KEY_BYTES * STRIPES) / SECTOR_BYTES / SLOT_ALIGNMENT_SECTORS) *
  SLOT_ALIGNMENT_SECTORS;

export function renderLuksHeader(keys: LuksKeys, random: RandomSource): Buffer {
  const header = Buffer.alloc(LUKS_HEADER_BYTES);
  writeFacts(header, keys, random);
  const salt = random.bytes(SALT_BYTES);
  for (let slot = 0; slot < SLOTS; slot++) writeSlot(header, slot, slot === 0 ? salt : undefined);
  const slotKey = pbkdf2Sync(keys.passphrase, salt, ITERATIONS, XTS_KEY_BYTES, HASH);
  const split = splitKey(keys.payloadKey, random);
  sealSectors({ key: slotKey, first: 0 }, split).copy(header, slotAt(0) * SECTOR_BYTES);
  return header;
}

function writeFacts(header: Buffer, { payloadKey }: LuksKeys, random: RandomSource): void {
  MAGIC.copy(header);
  header.writeUInt16BE(VERSION, 6);
  header.write('aes', 8, 'latin1');
  header.write('xts-plain64', 40, 'latin1');
  header.write(HASH, 72, 'latin1');
  header.writeUInt32BE(LUKS_HEADER_BYTES / SECTOR_BYTES, 104);
  header.writeUInt32BE(XTS_KEY_BYTES, 108);
  const salt = random.bytes(SALT_BYTES);
  pbkdf2Sync(payloadKey, salt, ITERATIONS, DIGEST_BYTES, HASH).copy(header, 112);
  salt.copy(header, 132);
  header.writeUInt32BE(ITERATIONS, 164);
  header.write(renderUuid(random.bytes(16)), 168, 'latin1');
}

function writeSlot(header: Buffer, slot: number, salt: Buffer | undefined): void {
  const at = SLOTS_AT + slot * SLOT_BYTES;
  header.writeUInt32BE(salt === undefined ? DISABLED : ENABLED, at);
  header.writeUInt32BE(salt === undefined ? 0 : ITERATIONS, at + 4);
  salt?.copy(header, at + 8);
  header.writeUInt32BE(slotAt(slot), at + 40);
  header.writeUInt32BE(STRIPES, at + 44);
}

function slotAt(slot: number): number {
  return SLOT_ALIGNMENT_SECTORS + slot * SLOT_SECTORS;
}

/** LUKS's splitter: all stripes are needed for the key, so that a slot is gone once a part of it is overwritten. */
function splitKey(key: Buffer, random: RandomSource): Buffer {
  const split = Buffer.alloc(SLOT_SECTORS * SECTOR_BYTES);
  random.bytes((STRIPES - 1) * key.length).copy(split);
  let state: Buffer = Buffer.alloc(key.length);
  for (let stripe = 0; stripe < STRIPES - 1; stripe++) {
    const at = stripe * key.length;
    state = diffuse(xor(state, split.subarray(at, at + key.length)));
  }
  xor(state, key).copy(split, (STRIPES - 1) * key.length);
  return split;
}

function diffuse(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  const number = Buffer.alloc(4);
  for (let at = 0; at < bytes.length; at += HASH_BYTES) {
    number.writeUInt32BE(at / HASH_BYTES);
    const part = bytes.subarray(at, at + HASH_BYTES);
    parts.push(createHash(HASH).update(number).update(part).digest());
  }
  return Buffer.concat(parts).subarray(0, bytes.length);
}

function xor(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, at) => byte ^ other[at]!));
}

function renderUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
