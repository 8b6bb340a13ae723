// Owns the map of a new encrypted volume, written here and not by QEMU: which bytes of the volume's file are written, as
// a qcow2 image whose data file is that file, each cluster at its own place (docs/interop/qcow2.txt).
//
//   header | table of counts | counts | L1: where the L2 tables are | L2 tables of what is written already
//
// It has the feature "raw external data", which QEMU gives to images alone that it allocates as a whole: by it QEMU writes
// zeros into the data file, where it would else note in the map that there are some, and below them would be noise. What is
// in no table is read from what the volume is laid over.
//
// L1 has places for the longest volume, so a map is made longer by its length alone. QEMU would write all zeros of the new
// part at once.

import type { FileHandle } from 'node:fs/promises';
import { holesWithin } from '@ironbark/platform/file-holes.ts';
import { writeFully } from '@ironbark/platform/files.ts';

export interface MapFacts {
  sizeBytes: number;
  /** From the volume's beginning, these are written already. */
  writtenBytes: number;
}

const CLUSTER_BITS = 16;
/** A guest's write copies the rest of its cluster from what the volume is laid over. */
export const CLUSTER_BYTES = 2 ** CLUSTER_BITS;
const ENTRY_BYTES = 8;
const ENTRIES = CLUSTER_BYTES / ENTRY_BYTES;
/** What one L2 table says the places of. */
const TABLE_BYTES = ENTRIES * CLUSTER_BYTES;
const COUNT_BYTES = 2;
const COUNTS = CLUSTER_BYTES / COUNT_BYTES;
const HEADER_BYTES = 104;
const EXTERNAL_DATA = 1n << 2n;
const RAW_EXTERNAL_DATA = 1n << 1n;
/** Of an entry of L1 and L2: what it names is nobody else's. In L2 it tells the place 0 from none. */
const OWN = 1n << 63n;
const OWN_BYTE = 0x80;
/** Of an entry of L2: its cluster is zeros, whatever lies in the file. */
const ZEROS = 1;
/** Of an entry of L1. */
const TABLE_AT = 0x00fffffffffffe00n;

/** 64 TiB, EBS's largest volume. */
const L1_ENTRIES = 2 ** 46 / TABLE_BYTES;
const L1_CLUSTERS = (L1_ENTRIES * ENTRY_BYTES) / CLUSTER_BYTES;
const MAGIC = 0x514649fb;
const SIZE_AT = 24;

/** In clusters. */
interface Layout {
  countBlocks: number;
  l1At: number;
  tablesAt: number;
  tables: number;
  total: number;
}

/** Into an empty file, not synced. */
export async function writeMap(file: FileHandle, facts: MapFacts): Promise<void> {
  const { sizeBytes, writtenBytes } = facts;
  if (writtenBytes % CLUSTER_BYTES !== 0 && writtenBytes !== sizeBytes) {
    throw new Error(`${writtenBytes} bytes are no whole clusters`);
  }
  const layout = planLayout(facts);
  const put = (cluster: number, bytes: Buffer) => writeFully(file, bytes, cluster * CLUSTER_BYTES);
  await file.truncate(layout.total * CLUSTER_BYTES);
  await put(0, renderHeader(sizeBytes, layout));
  await put(1, renderPlaces(2, layout.countBlocks, 0n));
  await put(2, renderCounts(layout));
  await put(layout.l1At, renderPlaces(layout.tablesAt, layout.tables, OWN));
  for (let table = 0; table < layout.tables; table++) {
    await put(layout.tablesAt + table, renderTable(table * TABLE_BYTES, writtenBytes));
  }
}

/** Of a map that nobody has open; not synced. One that has the length stays as it is. */
export async function lengthenMap(file: FileHandle, sizeBytes: number): Promise<void> {
  const header = await readHeader(file);
  if (header.readBigUInt64BE(SIZE_AT) >= BigInt(sizeBytes)) return;
  const size = Buffer.alloc(ENTRY_BYTES);
  size.writeBigUInt64BE(BigInt(sizeBytes));
  await writeFully(file, size, SIZE_AT);
}

/**
 * Of a map that nobody has open; not synced. The clusters that it calls zeros it has no longer, and they are filled again,
 * as zeros: so is what the volume is laid over there. What a daemon that died had written over zeros without a
 * word in the map, and zeros that the power took, would else lie unread below until the volume's file is all there is.
 */
export async function forgetZeros(file: FileHandle): Promise<void> {
  await forget(file, (table) => {
    // The flag is in the entry's last byte.
    const isZeros = (entry: number) => (table[(entry + 1) * ENTRY_BYTES - 1]! & ZEROS) !== 0;
    return runsOf(isZeros);
  });
}

/**
 * Of a map that nobody has open; not synced. Clusters of which nothing was ever written to the volume's file have not come,
 * whatever the map says: when QEMU begins another table it puts the entries of those before on the disk, and not the bytes
 * that they stand for. A file system knows bytes as written only once they are on the disk, as what a guest was told of is.
 * A guest's write among zeros may leave the rest of its cluster unwritten, as zeros.
 */
export async function forgetUnwritten(
  file: FileHandle,
  { fd, headerBytes }: { fd: number; headerBytes: number },
): Promise<void> {
  await forget(file, (table, tableIndex) => {
    const first = tableIndex * TABLE_BYTES + headerBytes;
    const isBytes = (entry: number) =>
      (table[entry * ENTRY_BYTES]! & OWN_BYTE) !== 0 &&
      (table[(entry + 1) * ENTRY_BYTES - 1]! & ZEROS) === 0;
    const inClusters = (bytes: number) => (bytes - first) / CLUSTER_BYTES;
    return runsOf(isBytes)
      .flatMap(({ from, to }) => {
        const length = (to - from) * CLUSTER_BYTES;
        return holesWithin(fd, { offset: first + from * CLUSTER_BYTES, length });
      })
      .map(({ offset, length }) => ({
        from: Math.ceil(inClusters(offset)),
        to: Math.floor(inClusters(offset + length)),
      }))
      .filter(({ from, to }) => from < to);
  });
}

/** Of a table's entries; `to` is no longer of it. */
interface Run {
  from: number;
  to: number;
}

function runsOf(isOf: (entry: number) => boolean): Run[] {
  const runs: Run[] = [];
  for (let entry = 0; entry < ENTRIES; entry++) {
    if (!isOf(entry)) continue;
    const last = runs.at(-1);
    if (last?.to === entry) last.to = entry + 1;
    else runs.push({ from: entry, to: entry + 1 });
  }
  return runs;
}

async function forget(
  file: FileHandle,
  choose: (table: Buffer, tableIndex: number) => readonly Run[],
): Promise<void> {
  const header = await readHeader(file);
  const [entries, l1At] = [header.readUInt32BE(36), Number(header.readBigUInt64BE(40))];
  const l1 = Buffer.alloc(entries * ENTRY_BYTES);
  await file.read(l1, 0, l1.length, l1At);
  const table = Buffer.alloc(CLUSTER_BYTES);
  for (let index = 0; index < entries; index++) {
    const tableAt = Number(l1.readBigUInt64BE(index * ENTRY_BYTES) & TABLE_AT);
    if (tableAt === 0) continue;
    const { bytesRead } = await file.read(table, 0, CLUSTER_BYTES, tableAt);
    // Past the end is nothing, as it is to QEMU.
    table.fill(0, bytesRead);
    const runs = choose(table, index);
    for (const { from, to } of runs) table.fill(0, from * ENTRY_BYTES, to * ENTRY_BYTES);
    if (runs.length > 0) await writeFully(file, table, tableAt);
  }
}

async function readHeader(file: FileHandle): Promise<Buffer> {
  const { buffer } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
  if (buffer.readUInt32BE(0) !== MAGIC) throw new Error('this is no map of a volume');
  return buffer;
}

function planLayout({ writtenBytes }: MapFacts): Layout {
  const tables = Math.ceil(writtenBytes / TABLE_BYTES);
  // Header, table of counts, L1 and L2; and each block of counts counts itself too.
  const counted = 2 + L1_CLUSTERS + tables;
  const countBlocks = Math.ceil(counted / (COUNTS - 1));
  const l1At = 2 + countBlocks;
  const tablesAt = l1At + L1_CLUSTERS;
  return { countBlocks, l1At, tablesAt, tables, total: tablesAt + tables };
}

function renderHeader(sizeBytes: number, { l1At }: Layout): Buffer {
  const header = Buffer.alloc(CLUSTER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(CLUSTER_BITS, 20);
  header.writeBigUInt64BE(BigInt(sizeBytes), SIZE_AT);
  header.writeUInt32BE(L1_ENTRIES, 36);
  header.writeBigUInt64BE(BigInt(l1At * CLUSTER_BYTES), 40);
  header.writeBigUInt64BE(BigInt(CLUSTER_BYTES), 48);
  header.writeUInt32BE(1, 56);
  header.writeBigUInt64BE(EXTERNAL_DATA, 72);
  header.writeBigUInt64BE(RAW_EXTERNAL_DATA, 88);
  header.writeUInt32BE(Math.log2(COUNT_BYTES * 8), 96);
  header.writeUInt32BE(HEADER_BYTES, 100);
  return header;
}

/** Of clusters one after another. */
function renderPlaces(first: number, count: number, flags: bigint): Buffer {
  const places = Buffer.alloc(Math.ceil((count * ENTRY_BYTES) / CLUSTER_BYTES) * CLUSTER_BYTES);
  for (let at = 0; at < count; at++) {
    places.writeBigUInt64BE(BigInt((first + at) * CLUSTER_BYTES) | flags, at * ENTRY_BYTES);
  }
  return places;
}

/** Each cluster of the map is there once. Those of the data file are not counted. */
function renderCounts({ countBlocks, total }: Layout): Buffer {
  const counts = Buffer.alloc(countBlocks * CLUSTER_BYTES);
  for (let cluster = 0; cluster < total; cluster++) counts.writeUInt16BE(1, cluster * COUNT_BYTES);
  return counts;
}

function renderTable(firstByte: number, writtenBytes: number): Buffer {
  const count = Math.min(ENTRIES, Math.ceil((writtenBytes - firstByte) / CLUSTER_BYTES));
  const places = renderPlaces(firstByte / CLUSTER_BYTES, count, OWN);
  return Buffer.concat([places], CLUSTER_BYTES);
}
