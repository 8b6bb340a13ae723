// Owns reading x86-64 ELF files: which shared libraries a program names.

const SECTION_DYNAMIC = 6;
const TAG_NULL = 0;
const TAG_NEEDED = 1;
const DYNAMIC_ENTRY_BYTES = 16;

export interface ElfSection {
  type: number;
  link: number;
  offset: number;
  size: number;
}

/** True for a 64-bit little-endian ELF file for x86-64. */
export function isElf(bytes: Buffer): boolean {
  return (
    bytes.length >= 64 &&
    bytes.readUInt32BE(0) === 0x7f454c46 &&
    bytes[4] === 2 &&
    bytes[5] === 1 &&
    bytes.readUInt16LE(18) === 62
  );
}

export function parseSections(elf: Buffer): ElfSection[] {
  const table = Number(elf.readBigUInt64LE(0x28));
  const entryBytes = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * entryBytes;
    return {
      type: elf.readUInt32LE(at + 4),
      link: elf.readUInt32LE(at + 40),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
    };
  });
}

export function readElfString(elf: Buffer, strings: ElfSection, at: number): string {
  const start = strings.offset + at;
  return elf.toString('latin1', start, elf.indexOf(0, start));
}

export interface DynamicEntry {
  tag: number;
  value: number;
}

export interface DynamicTable {
  section: ElfSection;
  strings: ElfSection;
  entries: DynamicEntry[];
}

/** Undefined for a program that is linked statically. */
export function parseDynamicTable(elf: Buffer): DynamicTable | undefined {
  const sections = parseSections(elf);
  const section = sections.find((candidate) => candidate.type === SECTION_DYNAMIC);
  if (section === undefined) return undefined;
  const entries: DynamicEntry[] = [];
  for (let at = section.offset; at < section.offset + section.size; at += DYNAMIC_ENTRY_BYTES) {
    const tag = Number(elf.readBigInt64LE(at));
    if (tag === TAG_NULL) break;
    entries.push({ tag, value: Number(elf.readBigUInt64LE(at + 8)) });
  }
  return { section, strings: sections[section.link]!, entries };
}

/** Sonames of the libraries that the loader must find, such as `libc.so.6`. */
export function neededLibraries(elf: Buffer): string[] {
  const table = parseDynamicTable(elf);
  if (table === undefined) return [];
  return table.entries
    .filter((entry) => entry.tag === TAG_NEEDED)
    .map((entry) => readElfString(elf, table.strings, entry.value));
}
