// Owns reading the header of a qcow2 file, strictly: what could make a tool read another file of the host, or
// work without end, is refused. Layout: docs/interop/qcow2.txt of QEMU.

import { ServiceError } from '@ironbark/core/errors.ts';
import { renderBytes } from '@ironbark/core/units.ts';

export interface Qcow2Header {
  version: 2 | 3;
  virtualBytes: number;
  clusterBytes: number;
}

export interface Qcow2Limits {
  fileBytes: number;
  maxVirtualBytes: number;
}

const MAGIC = 0x514649fb;
const VERSION_2_BYTES = 72;
const VERSION_3_MIN_BYTES = 104;
/** 512 bytes to 2 MiB, the range that the format's own document gives. */
const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;
/** QEMU's own limit on the first-level table. */
const MAX_L1_BYTES = 32 * 1024 * 1024;
const MAX_SNAPSHOTS = 0;
const MAX_REFCOUNT_ORDER = 6;
const EXTENSION_END = 0;
const EXTENSION_BACKING_FORMAT = 0xe2792aca;
const EXTENSION_DATA_FILE = 0x44415441;
const EXTENSION_ENCRYPTION = 0x0537be77;
/** Headers in the wild have four extensions at most. */
const MAX_EXTENSIONS = 32;

const INCOMPATIBLE_CORRUPT = 1n << 1n;
const INCOMPATIBLE_DATA_FILE = 1n << 2n;
const INCOMPATIBLE_COMPRESSION = 1n << 3n;
/** Dirty (0): lazy reference counts, which a reader need not look at. Compression type (3): checked apart. */
const INCOMPATIBLE_KNOWN = 1n | INCOMPATIBLE_COMPRESSION;
const COMPRESSION_ZLIB = 0;
const COMPRESSION_ZSTD = 1;

/** `bytes` is the start of the file, one cluster of the smallest size or more. Throws ServiceError. */
export function parseQcow2Header(bytes: Buffer, limits: Qcow2Limits): Qcow2Header {
  if (bytes.length < VERSION_2_BYTES || bytes.readUInt32BE(0) !== MAGIC) {
    throw refused('it is too short, or does not start as qcow2 does');
  }
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw refused(`its version ${version} is not known`);
  refuseOtherFiles(bytes);
  const clusterBytes = parseClusterBytes(bytes);
  const virtualBytes = parseVirtualBytes(bytes, limits);
  checkTables(bytes, { clusterBytes, virtualBytes, fileBytes: limits.fileBytes });
  const headerBytes = version === 3 ? parseVersion3(bytes) : VERSION_2_BYTES;
  checkExtensions(bytes, headerBytes, clusterBytes);
  return { version, virtualBytes, clusterBytes };
}

function refuseOtherFiles(bytes: Buffer): void {
  if (bytes.readBigUInt64BE(8) !== 0n || bytes.readUInt32BE(16) !== 0) {
    throw refused('it refers to a backing file; flatten it with `qemu-img convert` first');
  }
  if (bytes.readUInt32BE(32) !== 0) throw refused('it is encrypted');
  if (bytes.readUInt32BE(60) > MAX_SNAPSHOTS) {
    throw refused('it holds internal snapshots; flatten it with `qemu-img convert` first');
  }
}

function parseClusterBytes(bytes: Buffer): number {
  const bits = bytes.readUInt32BE(20);
  if (bits < MIN_CLUSTER_BITS || bits > MAX_CLUSTER_BITS) {
    throw refused(`its cluster size of 2^${bits} bytes is out of range`);
  }
  return 2 ** bits;
}

function parseVirtualBytes(bytes: Buffer, limits: Qcow2Limits): number {
  const size = bytes.readBigUInt64BE(24);
  if (size === 0n) throw refused('its disk is empty');
  if (size > BigInt(limits.maxVirtualBytes)) {
    throw new ServiceError({
      kind: 'too-large',
      resource: 'image',
      message: `The image's disk is larger than the limit of ${renderBytes(limits.maxVirtualBytes)}.`,
    });
  }
  return Number(size);
}

function checkTables(
  bytes: Buffer,
  sizes: { clusterBytes: number; virtualBytes: number; fileBytes: number },
): void {
  const { clusterBytes, virtualBytes, fileBytes } = sizes;
  const l1Bytes = bytes.readUInt32BE(36) * 8;
  const bytesPerL1Entry = clusterBytes * (clusterBytes / 8);
  if (l1Bytes > MAX_L1_BYTES || l1Bytes / 8 < Math.ceil(virtualBytes / bytesPerL1Entry)) {
    throw refused('the size of its first-level table does not fit its disk');
  }
  const refcountBytes = bytes.readUInt32BE(56) * clusterBytes;
  checkPlace(bytes.readBigUInt64BE(40), l1Bytes, clusterBytes, fileBytes, 'first-level table');
  checkPlace(bytes.readBigUInt64BE(48), refcountBytes, clusterBytes, fileBytes, 'reference counts');
}

function checkPlace(
  offset: bigint,
  length: number,
  clusterBytes: number,
  fileBytes: number,
  what: string,
): void {
  if (offset === 0n || offset % BigInt(clusterBytes) !== 0n)
    throw refused(`its ${what} is misplaced`);
  if (offset + BigInt(length) > BigInt(fileBytes)) {
    throw refused(`its ${what} lies beyond the end of the file, which may be cut short`);
  }
}

/** The fields that version 3 added; gives the header's length. */
function parseVersion3(bytes: Buffer): number {
  if (bytes.length < VERSION_3_MIN_BYTES) throw refused('its header is cut short');
  const incompatible = bytes.readBigUInt64BE(72);
  if (incompatible & INCOMPATIBLE_DATA_FILE) throw refused('its data lies in another file');
  if (incompatible & INCOMPATIBLE_CORRUPT) throw refused('it is marked as corrupt');
  if (incompatible & ~INCOMPATIBLE_KNOWN) throw refused('it uses features that are not known');
  if (bytes.readUInt32BE(96) > MAX_REFCOUNT_ORDER)
    throw refused('its reference counts are malformed');
  const headerBytes = bytes.readUInt32BE(100);
  if (headerBytes < VERSION_3_MIN_BYTES || headerBytes % 8 !== 0 || headerBytes > bytes.length) {
    throw refused('the length of its header is malformed');
  }
  const compression = headerBytes > VERSION_3_MIN_BYTES ? bytes[VERSION_3_MIN_BYTES]! : 0;
  const expected = incompatible & INCOMPATIBLE_COMPRESSION ? COMPRESSION_ZSTD : COMPRESSION_ZLIB;
  if (compression !== expected) throw refused('its kind of compression is not known');
  return headerBytes;
}

function checkExtensions(bytes: Buffer, headerBytes: number, clusterBytes: number): void {
  const end = Math.min(bytes.length, clusterBytes);
  let at = headerBytes;
  for (let count = 0; count < MAX_EXTENSIONS; count++) {
    if (at + 8 > end) return;
    const type = bytes.readUInt32BE(at);
    const length = bytes.readUInt32BE(at + 4);
    if (type === EXTENSION_END) return;
    if (type === EXTENSION_BACKING_FORMAT) throw refused('it names the format of a backing file');
    if (type === EXTENSION_DATA_FILE) throw refused('it names an external data file');
    if (type === EXTENSION_ENCRYPTION) throw refused('it is encrypted');
    at += 8 + Math.ceil(length / 8) * 8;
    if (at > end) throw refused('an extension of its header is malformed');
  }
  throw refused('its header has too many extensions');
}

function refused(why: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'image',
    message: `The qcow2 image cannot be imported: ${why}.`,
  });
}
