// Owns making a program start without some of the libraries it was linked with. Debian's fio, for one, names
// Ceph, Gluster and RDMA libraries of 60 MiB for engines that a small image does not offer. The libraries'
// symbols become weak, which the loader resolves to nothing; calling such an engine ends the program. It works
// for functions; a program that keeps a copy of a library's data does not start without the library.

import {
  type DynamicEntry,
  type DynamicTable,
  type ElfSection,
  parseDynamicTable,
  parseSections,
  readElfString,
} from './elf-file.ts';

const SECTION_DYNAMIC_SYMBOLS = 11;
const SECTION_VERSION_NEEDS = 0x6ffffffe;
const SECTION_SYMBOL_VERSIONS = 0x6fffffff;
const TAG_NEEDED = 1;
const TAG_VERSION_NEEDS = 0x6ffffffe;
const TAG_VERSION_NEEDS_COUNT = 0x6fffffff;
const SYMBOL_BYTES = 24;
const BIND_GLOBAL = 1;
const BIND_WEAK = 2;
/** Version index of a symbol without a version. */
const VERSION_GLOBAL = 1;
/** The top bit marks a hidden version and is no part of the index. */
const VERSION_MASK = 0x7fff;

/** A copy of `elf` that no longer needs the libraries of these sonames. */
export function withoutLibraries(elf: Buffer, sonames: ReadonlySet<string>): Buffer {
  const copy = Buffer.from(elf);
  const table = parseDynamicTable(copy);
  if (table === undefined) return copy;
  const sections = parseSections(copy);
  const needs = sections.find((section) => section.type === SECTION_VERSION_NEEDS);
  const dropped = needs === undefined ? undefined : dropVersionNeeds(copy, table, needs, sonames);
  rewriteDynamicTable(copy, table, sonames, dropped);
  weakenSymbols(copy, sections, dropped?.versions ?? new Set());
  return copy;
}

interface DroppedNeeds {
  /** Version indexes that no library provides any more. */
  versions: Set<number>;
  keptCount: number;
  /** Offset of the first kept record from the first of all. */
  firstKept: number;
}

interface VersionNeed {
  at: number;
  soname: string;
  versions: number[];
}

function dropVersionNeeds(
  elf: Buffer,
  table: DynamicTable,
  section: ElfSection,
  sonames: ReadonlySet<string>,
): DroppedNeeds {
  const needs = parseVersionNeeds(elf, section, table.strings);
  const kept = needs.filter((need) => !sonames.has(need.soname));
  kept.forEach((need, index) => {
    const next = kept[index + 1];
    elf.writeUInt32LE(next === undefined ? 0 : next.at - need.at, need.at + 12);
  });
  const gone = needs.filter((need) => sonames.has(need.soname));
  return {
    versions: new Set(gone.flatMap((need) => need.versions)),
    keptCount: kept.length,
    firstKept: (kept[0]?.at ?? section.offset) - section.offset,
  };
}

function parseVersionNeeds(elf: Buffer, section: ElfSection, strings: ElfSection): VersionNeed[] {
  const needs: VersionNeed[] = [];
  let at = section.offset;
  for (;;) {
    const versions: number[] = [];
    let auxiliary = at + elf.readUInt32LE(at + 8);
    for (let count = elf.readUInt16LE(at + 2); count > 0; count--) {
      versions.push(elf.readUInt16LE(auxiliary + 6));
      auxiliary += elf.readUInt32LE(auxiliary + 12);
    }
    needs.push({ at, soname: readElfString(elf, strings, elf.readUInt32LE(at + 4)), versions });
    const next = elf.readUInt32LE(at + 12);
    if (next === 0) return needs;
    at += next;
  }
}

function rewriteDynamicTable(
  elf: Buffer,
  table: DynamicTable,
  sonames: ReadonlySet<string>,
  dropped: DroppedNeeds | undefined,
): void {
  const isGone = (entry: DynamicEntry) =>
    entry.tag === TAG_NEEDED && sonames.has(readElfString(elf, table.strings, entry.value));
  const kept = table.entries.filter((entry) => !isGone(entry));
  const { offset, size } = table.section;
  elf.fill(0, offset, offset + size);
  kept.forEach((entry, index) => {
    const at = offset + index * 16;
    elf.writeBigInt64LE(BigInt(entry.tag), at);
    elf.writeBigUInt64LE(BigInt(adjustedValue(entry, dropped)), at + 8);
  });
}

function adjustedValue(entry: DynamicEntry, dropped: DroppedNeeds | undefined): number {
  if (dropped === undefined) return entry.value;
  if (entry.tag === TAG_VERSION_NEEDS) return entry.value + dropped.firstKept;
  if (entry.tag === TAG_VERSION_NEEDS_COUNT) return dropped.keptCount;
  return entry.value;
}

/** Symbols without a version cannot be told apart by library; weak ones that exist still resolve. */
function weakenSymbols(elf: Buffer, sections: ElfSection[], gone: ReadonlySet<number>): void {
  const symbols = sections.find((section) => section.type === SECTION_DYNAMIC_SYMBOLS);
  if (symbols === undefined) return;
  const versions = sections.find((section) => section.type === SECTION_SYMBOL_VERSIONS);
  for (let index = 1; index * SYMBOL_BYTES < symbols.size; index++) {
    const at = symbols.offset + index * SYMBOL_BYTES;
    const isUndefined = elf.readUInt16LE(at + 6) === 0;
    if (!isUndefined || elf[at + 4]! >> 4 !== BIND_GLOBAL) continue;
    const versionAt = versions === undefined ? undefined : versions.offset + index * 2;
    const version =
      versionAt === undefined ? VERSION_GLOBAL : elf.readUInt16LE(versionAt) & VERSION_MASK;
    if (version > VERSION_GLOBAL && !gone.has(version)) continue;
    elf[at + 4] = (BIND_WEAK << 4) | (elf[at + 4]! & 0xf);
    if (versionAt !== undefined) elf.writeUInt16LE(VERSION_GLOBAL, versionAt);
  }
}
