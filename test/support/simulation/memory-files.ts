// Owns the disks of simulated hosts: files in memory under one path, behind the functions of `node:fs/promises`.
//
// The product's own code runs on it unchanged. Each function answers in microtasks, so no real disk decides which of
// two things is over first. A host whose process has died takes no more calls, until its next life begins.

import { constants } from 'node:fs';
import { posix } from 'node:path';
import { never } from './simulation.ts';

interface FileEntry {
  kind: 'file';
  /** What was written; up to `size` the rest is zeros. */
  bytes: Buffer;
  size: number;
}

interface DirectoryEntry {
  kind: 'directory';
  entries: Map<string, Entry>;
}

type Entry = FileEntry | DirectoryEntry;

/** What every simulated disk has, in blocks of 4 KiB: 1 PiB. */
const BLOCK_BYTES = 4096;
const DISK_BLOCKS = 2 ** 38;

export class MemoryFiles {
  readonly prefix: string;
  readonly #root: DirectoryEntry = { kind: 'directory', entries: new Map() };
  /** Names of hosts whose process has died: the first part of a path below the prefix. */
  readonly #dead = new Set<string>();

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  isInside(path: unknown): path is string {
    return typeof path === 'string' && path.startsWith(this.prefix);
  }

  freeze(host: string): void {
    this.#dead.add(host);
  }

  thaw(host: string): void {
    this.#dead.delete(host);
  }

  /** For checks: names in a folder, none when it does not exist. */
  list(path: string): string[] {
    const entry = this.#find(path);
    return entry?.kind === 'directory' ? [...entry.entries.keys()].sort() : [];
  }

  /** For checks: a file's bytes. */
  peek(path: string): Buffer | undefined {
    const entry = this.#find(path);
    return entry?.kind === 'file' ? contentOf(entry) : undefined;
  }

  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** What happens to a host while nobody looks: a file is changed, or removed. */
  overwrite(path: string, contents: string | undefined): void {
    if (contents === undefined) this.#parentOf(path).delete(posix.basename(path));
    else this.#put(path, { kind: 'file', bytes: Buffer.from(contents), size: contents.length });
  }

  copy(from: string, to: string): void {
    const entry = this.#getFile('copyfile', from);
    this.#put(to, { ...entry, bytes: Buffer.from(entry.bytes) });
  }

  /** The functions of `node:fs/promises` that the product uses on its data folders. */
  readonly functions: Readonly<Record<string, (path: string, ...rest: never[]) => unknown>> = {
    open: this.#call((path, flags: string | number = 'r') => this.#open(path, flags)),
    readFile: this.#call((path) => contentOf(this.#getFile('open', path))),
    writeFile: this.#call((path, contents: string | Uint8Array, options?: { flag?: string }) => {
      const handle = this.#open(path, options?.flag ?? 'w');
      handle.append(Buffer.from(contents as string));
    }),
    readdir: this.#call((path, options?: { withFileTypes?: boolean }) => {
      if (options?.withFileTypes === true) throw new Error('memory files list names only');
      return [...this.#getDirectory('scandir', path).entries.keys()].sort();
    }),
    mkdir: this.#call((path, options?: { recursive?: boolean }) =>
      this.#makeDirectory(path, options?.recursive === true),
    ),
    rm: this.#call((path, options?: { force?: boolean; recursive?: boolean }) => {
      const isThere = this.#find(path) !== undefined;
      if (isThere) this.#parentOf(path).delete(posix.basename(path));
      else if (options?.force !== true) throw failure('ENOENT', 'rm', path);
    }),
    unlink: this.#call((path) => {
      this.#getFile('unlink', path);
      this.#parentOf(path).delete(posix.basename(path));
    }),
    rename: this.#call((path, to: string) => {
      const entry = this.#get('rename', path);
      this.#parentOf(path).delete(posix.basename(path));
      this.#put(to, entry);
    }),
    truncate: this.#call((path, size = 0) => truncate(this.#getFile('truncate', path), size)),
    stat: this.#call((path) => factsOf(this.#get('stat', path))),
    lstat: this.#call((path) => factsOf(this.#get('lstat', path))),
    realpath: this.#call((path) => path),
    chmod: this.#call(() => {}),
    chown: this.#call(() => {}),
    statfs: this.#call(() => ({
      bsize: BLOCK_BYTES,
      blocks: DISK_BLOCKS,
      bavail: DISK_BLOCKS,
    })),
  };

  #call<Rest extends unknown[], Result>(work: (path: string, ...rest: Rest) => Result) {
    return async (path: string, ...rest: Rest): Promise<Result> => {
      if (this.#isDead(path)) return never();
      return work(path, ...rest);
    };
  }

  #isDead(path: string): boolean {
    if (this.#dead.size === 0) return false;
    return this.#dead.has(path.slice(this.prefix.length + 1).split('/', 1)[0]!);
  }

  #open(path: string, flags: string | number): MemoryHandle {
    const { creates, exclusive, truncates, appends } = readFlags(flags);
    const known = this.#find(path);
    if (known !== undefined && exclusive) throw failure('EEXIST', 'open', path);
    if (known === undefined && !creates) throw failure('ENOENT', 'open', path);
    const isNew = known === undefined || (truncates && known.kind === 'file');
    const entry = isNew ? ({ kind: 'file', bytes: Buffer.alloc(0), size: 0 } as const) : known;
    if (isNew) this.#put(path, entry);
    return new MemoryHandle(entry, appends, () => this.#isDead(path));
  }

  /** The first folder that was made, as Node answers it. */
  #makeDirectory(path: string, isRecursive: boolean): string | undefined {
    if (this.#find(path) !== undefined) {
      if (isRecursive) return undefined;
      throw failure('EEXIST', 'mkdir', path);
    }
    let first: string | undefined;
    const parent = posix.dirname(path);
    if (this.#find(parent) === undefined && isRecursive) first = this.#makeDirectory(parent, true);
    this.#put(path, { kind: 'directory', entries: new Map() });
    return first ?? path;
  }

  #partsOf(path: string): string[] {
    return posix
      .normalize(path)
      .slice(this.prefix.length)
      .split('/')
      .filter((part) => part !== '');
  }

  #find(path: string): Entry | undefined {
    let entry: Entry | undefined = this.#root;
    for (const part of this.#partsOf(path)) {
      if (entry?.kind !== 'directory') return undefined;
      entry = entry.entries.get(part);
    }
    return entry;
  }

  #get(call: string, path: string): Entry {
    const entry = this.#find(path);
    if (entry === undefined) throw failure('ENOENT', call, path);
    return entry;
  }

  #getFile(call: string, path: string): FileEntry {
    const entry = this.#get(call, path);
    if (entry.kind !== 'file') throw failure('EISDIR', call, path);
    return entry;
  }

  #getDirectory(call: string, path: string): DirectoryEntry {
    const entry = this.#get(call, path);
    if (entry.kind !== 'directory') throw failure('ENOTDIR', call, path);
    return entry;
  }

  #parentOf(path: string): Map<string, Entry> {
    return this.#getDirectory('open', posix.dirname(path)).entries;
  }

  #put(path: string, entry: Entry): void {
    this.#parentOf(path).set(posix.basename(path), entry);
  }
}

/** The part of a FileHandle that the product uses. */
class MemoryHandle {
  readonly #entry: Entry;
  readonly #appends: boolean;
  readonly #isDead: () => boolean;
  #position = 0;

  constructor(entry: Entry, appends: boolean, isDead: () => boolean) {
    this.#entry = entry;
    this.#appends = appends;
    this.#isDead = isDead;
  }

  async write(
    bytes: Uint8Array,
    offset = 0,
    length = bytes.length - offset,
    position: number | null = null,
  ): Promise<{ bytesWritten: number }> {
    if (this.#isDead()) return never();
    const at = this.#appends ? this.#file.size : (position ?? this.#position);
    writeAt(this.#file, at, bytes.subarray(offset, offset + length));
    if (position === null) this.#position = at + length;
    return { bytesWritten: length };
  }

  append(bytes: Uint8Array): void {
    writeAt(this.#file, this.#appends ? this.#file.size : 0, bytes);
  }

  async read(buffer: Buffer, offset: number, length: number, position: number) {
    if (this.#isDead()) return never<{ bytesRead: number; buffer: Buffer }>();
    const { bytes, size } = this.#file;
    const bytesRead = Math.max(0, Math.min(length, size - position));
    buffer.fill(0, offset, offset + bytesRead);
    const written = bytes.subarray(position, position + bytesRead);
    buffer.set(written, offset);
    return { bytesRead, buffer };
  }

  async truncate(size: number): Promise<void> {
    if (this.#isDead()) return never();
    truncate(this.#file, size);
  }

  async stat() {
    return factsOf(this.#entry);
  }

  /** Power cuts are another harness's; here a process dies and its host does not. */
  async sync(): Promise<void> {
    if (this.#isDead()) return never();
  }

  async datasync(): Promise<void> {
    if (this.#isDead()) return never();
  }

  async chmod(): Promise<void> {}

  async chown(): Promise<void> {}

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  get #file(): FileEntry {
    if (this.#entry.kind !== 'file') throw failure('EISDIR', 'write', 'a folder');
    return this.#entry;
  }
}

function readFlags(flags: string | number) {
  if (typeof flags === 'number') {
    const has = (flag: number) => (flags & flag) !== 0;
    return {
      creates: has(constants.O_CREAT),
      exclusive: has(constants.O_EXCL),
      truncates: has(constants.O_TRUNC),
      appends: has(constants.O_APPEND),
    };
  }
  return {
    creates: /[wa]/.test(flags),
    exclusive: flags.includes('x'),
    truncates: flags.includes('w'),
    appends: flags.includes('a'),
  };
}

function writeAt(file: FileEntry, position: number, bytes: Uint8Array): void {
  const end = position + bytes.length;
  if (end > file.bytes.length) {
    const longer = Buffer.alloc(end);
    file.bytes.copy(longer);
    file.bytes = longer;
  }
  file.bytes.set(bytes, position);
  file.size = Math.max(file.size, end);
}

function truncate(file: FileEntry, size: number): void {
  file.size = size;
  if (size < file.bytes.length) file.bytes = file.bytes.subarray(0, size);
}

function contentOf({ bytes, size }: FileEntry): Buffer {
  const content = Buffer.alloc(size);
  bytes.copy(content);
  return content;
}

function factsOf(entry: Entry) {
  const size = entry.kind === 'file' ? entry.size : 0;
  const isDirectory = entry.kind === 'directory';
  return {
    size,
    blocks: 0,
    mtimeMs: 0,
    isDirectory: () => isDirectory,
    isFile: () => !isDirectory,
  };
}

/** Looks for files that are not there are frequent, so these errors have no stack. */
function failure(code: string, call: string, path: string): Error {
  const depth = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(`${code}: ${call} '${path}' in memory`), { code });
  Error.stackTraceLimit = depth;
  return error;
}
