// Owns the CRCs that S3 uses and zlib has not, and how the CRC of a whole follows from those of its parts.

/** CRC-32C (Castagnoli), reflected. */
const POLY_CRC32C = 0x82f63b78;
const POLY_CRC32 = 0xedb88320n;
/** CRC-64/NVME, reflected. */
const POLY_CRC64NVME = 0x9a6c9329ac4bc9b5n;

/** Bytes taken a step; one table of 256 for each. */
const SLICES = 8;

const crc32cTables = buildTables(BigInt(POLY_CRC32C)).map((entry) => Number(entry));
const table32 = Uint32Array.from(crc32cTables);
const tables64 = buildTables(POLY_CRC64NVME);
const table64Low = Uint32Array.from(tables64, (entry) => Number(entry & 0xffffffffn));
const table64High = Uint32Array.from(tables64, (entry) => Number(entry >> 32n));

/** `tables[slice * 256 + byte]`: the CRC of that byte with `slice` zero bytes behind it. */
function buildTables(poly: bigint): bigint[] {
  const tables = Array.from({ length: 256 }, (_, byte) => {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ poly : crc >> 1n;
    return crc;
  });
  for (let i = 256; i < SLICES * 256; i++) {
    const before = tables[i - 256]!;
    tables.push((before >> 8n) ^ tables[Number(before & 0xffn)]!);
  }
  return tables;
}

/** Continues `crc` (0 at the start) over `bytes`, as zlib.crc32 does for its own polynomial. */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  const t = table32;
  let value = ~crc;
  let i = 0;
  for (const whole = bytes.length - (bytes.length % SLICES); i < whole; i += SLICES) {
    value ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    value =
      t[1792 + (value & 255)]! ^
      t[1536 + ((value >>> 8) & 255)]! ^
      t[1280 + ((value >>> 16) & 255)]! ^
      t[1024 + (value >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) value = (value >>> 8) ^ t[(value ^ bytes[i]!) & 255]!;
  return ~value >>> 0;
}

export interface Crc64 {
  high: number;
  low: number;
}

export const CRC64_START: Crc64 = { high: 0, low: 0 };

/** Continues `crc` over `bytes`. Two 32-bit halves, since JavaScript's 64-bit integers are slow. */
export function crc64nvme(bytes: Uint8Array, crc: Crc64): Crc64 {
  let high = ~crc.high;
  let low = ~crc.low;
  let i = 0;
  for (const whole = bytes.length - (bytes.length % SLICES); i < whole; i += SLICES) {
    low ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    high ^= bytes[i + 4]! | (bytes[i + 5]! << 8) | (bytes[i + 6]! << 16) | (bytes[i + 7]! << 24);
    const a = 1792 + (low & 255);
    const b = 1536 + ((low >>> 8) & 255);
    const c = 1280 + ((low >>> 16) & 255);
    const d = 1024 + (low >>> 24);
    const e = 768 + (high & 255);
    const f = 512 + ((high >>> 8) & 255);
    const g = 256 + ((high >>> 16) & 255);
    const h = high >>> 24;
    low = xorAll(table64Low, a, b, c, d, e, f, g, h);
    high = xorAll(table64High, a, b, c, d, e, f, g, h);
  }
  for (; i < bytes.length; i++) {
    const at = (low ^ bytes[i]!) & 255;
    low = ((low >>> 8) | (high << 24)) ^ table64Low[at]!;
    high = (high >>> 8) ^ table64High[at]!;
  }
  return { high: ~high >>> 0, low: ~low >>> 0 };
}

function xorAll(
  t: Uint32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  g: number,
  h: number,
): number {
  return t[a]! ^ t[b]! ^ t[c]! ^ t[d]! ^ t[e]! ^ t[f]! ^ t[g]! ^ t[h]!;
}

export type CrcName = 'crc32' | 'crc32c' | 'crc64nvme';

const PARAMETERS: Readonly<Record<CrcName, { poly: bigint; bits: bigint }>> = {
  crc32: { poly: POLY_CRC32, bits: 32n },
  crc32c: { poly: BigInt(POLY_CRC32C), bits: 32n },
  crc64nvme: { poly: POLY_CRC64NVME, bits: 64n },
};

export interface CrcPart {
  crc: bigint;
  sizeBytes: number;
}

/** The CRC of all parts one after another: shift each by the length of what follows, and add. */
export function combineCrcs(name: CrcName, parts: readonly CrcPart[]): bigint {
  const { poly, bits } = PARAMETERS[name];
  const shifts = new Map<number, bigint>();
  let combined = 0n;
  for (const part of parts) {
    const known = shifts.get(part.sizeBytes);
    const shift = known ?? powerOfX(BigInt(part.sizeBytes) * 8n, poly, bits);
    shifts.set(part.sizeBytes, shift);
    combined = multiply(combined, shift, poly, bits) ^ part.crc;
  }
  return combined;
}

/** x to the n-th modulo the polynomial; the highest bit stands for x to the 0th. */
function powerOfX(exponent: bigint, poly: bigint, bits: bigint): bigint {
  let result = 1n << (bits - 1n);
  let square = 1n << (bits - 2n);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = multiply(result, square, poly, bits);
    square = multiply(square, square, poly, bits);
  }
  return result;
}

function multiply(left: bigint, right: bigint, poly: bigint, bits: bigint): bigint {
  let product = 0n;
  let shifted = right;
  for (let bit = 1n << (bits - 1n); bit > 0n; bit >>= 1n) {
    if (left & bit) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ poly : shifted >> 1n;
  }
  return product;
}
