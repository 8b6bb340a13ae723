// Owns writing the kernel's initial file system: a cpio archive of the `newc` form
// (Documentation/driver-api/early-userspace/buffer-format.rst). Everything in it belongs to root.

export type CpioEntry =
  | { kind: 'directory'; path: string; mode?: number }
  | { kind: 'file'; path: string; contents: Uint8Array; mode?: number }
  | { kind: 'link'; path: string; target: string }
  | { kind: 'character-device'; path: string; mode?: number; major: number; minor: number };

const ALIGNMENT = 4;
/** The kernel reads initrds in whole blocks of this size. */
const ARCHIVE_BLOCK = 512;
const TYPE_BITS = {
  directory: 0o040000,
  file: 0o100000,
  link: 0o120000,
  'character-device': 0o020000,
} as const;
const DEFAULT_MODE = {
  directory: 0o755,
  file: 0o644,
  link: 0o777,
  'character-device': 0o600,
} as const;

export function renderCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => renderEntry(entry, index + 1));
  parts.push(...renderRecord({ name: 'TRAILER!!!', inode: 0, mode: 0, links: 1, data: NOTHING }));
  return padded(Buffer.concat(parts), ARCHIVE_BLOCK);
}

const NOTHING = new Uint8Array(0);

function renderEntry(entry: CpioEntry, inode: number): Buffer[] {
  const permissions = 'mode' in entry && entry.mode !== undefined ? entry.mode : undefined;
  return renderRecord({
    name: entry.path.replace(/^\/+/, ''),
    inode,
    mode: TYPE_BITS[entry.kind] | (permissions ?? DEFAULT_MODE[entry.kind]),
    links: entry.kind === 'directory' ? 2 : 1,
    data: contentsOf(entry),
    ...(entry.kind === 'character-device' ? { device: [entry.major, entry.minor] as const } : {}),
  });
}

function contentsOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.contents;
  return entry.kind === 'link' ? Buffer.from(entry.target) : NOTHING;
}

interface CpioRecord {
  name: string;
  inode: number;
  mode: number;
  links: number;
  data: Uint8Array;
  device?: readonly [major: number, minor: number];
}

function renderRecord(record: CpioRecord): Buffer[] {
  const name = Buffer.from(`${record.name}\0`);
  const [major, minor] = record.device ?? [0, 0];
  const fields = [
    record.inode,
    record.mode,
    0, // user
    0, // group
    record.links,
    0, // time of change: the same input gives the same bytes
    record.data.length,
    0,
    0,
    major,
    minor,
    name.length,
    0, // check sum, unused in this form
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  const head = padded(Buffer.concat([Buffer.from(header), name]), ALIGNMENT);
  return [head, padded(Buffer.from(record.data), ALIGNMENT)];
}

function padded(bytes: Buffer, multiple: number): Buffer {
  const rest = bytes.length % multiple;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(multiple - rest)]);
}
