// Owns the file system that a confined process sees instead of the host's: the libraries and data of its program,
// read-only, and one folder of its own.
//
// It is a tree of empty mount points on disk, shared by all processes that run the same program, and a table of
// what is mounted over them. Each process mounts it in a name space of its own, so the host's mounts never change
// and nothing is left when it ends.

import { constants } from 'node:fs';
import { access, lstat, readlink, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureDirectory, hasCode, removeFile, writeUnsynced } from './files.ts';

export interface Enclosure {
  /** The tree of mount points. */
  root: string;
  /** What is mounted over them, in the form of /etc/fstab. */
  mounts: string;
}

export interface EnclosureOptions {
  /** Takes the tree and the table; nobody else writes there. */
  directory: string;
  /** By name, as found in the search path. */
  programs: readonly string[];
  searchPath: string;
  /** Device nodes that the programs open; those that the host lacks are left out. */
  devices: readonly string[];
  /** Further files and folders, absolute: they are at the same places inside. */
  readOnly?: readonly string[];
}

/** Where a process finds its own folder. */
export const OWN_FOLDER = '/own';
/** Where the host's files are while the process is being started. */
export const OLD_ROOT = 'old';

/** Shared objects, the firmware that QEMU brings, and the list of where libraries are. */
const LIBRARIES = ['/usr/lib', '/usr/lib64', '/lib', '/lib64'];
const DATA = ['/usr/share/qemu', '/usr/share/seabios'];
/** For programs that were built on this host. */
const LOCAL = ['/usr/local/lib', '/usr/local/share/qemu'];
const LIBRARY_INDEX = '/etc/ld.so.cache';
/** Starting a process confined takes it inside as well. */
const INNER_PROGRAMS = ['setpriv'];

interface Mount {
  path: string;
  isFolder: boolean;
  options: string;
}

const READ_ONLY = 'bind,ro,nosuid,nodev';
const DEVICE = 'bind,nosuid,noexec';

/** Repeats safely, also after it was cut short. */
export async function ensureEnclosure(options: EnclosureOptions): Promise<Enclosure> {
  const root = join(options.directory, 'root');
  const mounts: Mount[] = [];
  await ensureDirectory(root, 0o755);
  const programs = [...options.programs, ...INNER_PROGRAMS];
  const files = await Promise.all(programs.map((name) => findProgram(name, options.searchPath)));
  const local = files.some((path) => path.startsWith('/usr/local/')) ? LOCAL : [];
  for (const path of [...LIBRARIES, ...DATA, ...local]) {
    const kind = await look(path);
    if (kind === 'link') await copyLink(root, path);
    if (kind === 'folder') mounts.push({ path, isFolder: true, options: READ_ONLY });
  }
  for (const path of [...files, LIBRARY_INDEX]) {
    if ((await look(path)) !== 'none') mounts.push({ path, isFolder: false, options: READ_ONLY });
  }
  for (const path of options.readOnly ?? []) {
    mounts.push({ path, isFolder: (await look(path)) === 'folder', options: READ_ONLY });
  }
  for (const path of options.devices) {
    if ((await look(path)) !== 'none') mounts.push({ path, isFolder: false, options: DEVICE });
  }
  for (const mount of mounts) await makeMountPoint(root, mount);
  for (const name of [OLD_ROOT, OWN_FOLDER]) await ensureDirectory(join(root, name), 0o755);
  // The tools that take the old root away read /proc; with the old root it is gone.
  await makeLink(join(root, 'proc'), `${OLD_ROOT}/proc`);
  const table = join(options.directory, 'mounts');
  await writeUnsynced(table, renderTable(root, mounts), { mode: 0o600 });
  return { root, mounts: table };
}

async function look(path: string): Promise<'none' | 'link' | 'folder' | 'file'> {
  try {
    const facts = await lstat(path);
    if (facts.isSymbolicLink()) return 'link';
    return facts.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'none';
    throw error;
  }
}

async function findProgram(name: string, searchPath: string): Promise<string> {
  for (const folder of searchPath.split(':')) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    // /bin is a link to /usr/bin, or the other way round, on most systems.
    if (found && (await look(folder)) === 'folder') return path;
  }
  throw new Error(`${name} is not in ${searchPath}`);
}

async function makeMountPoint(root: string, { path, isFolder }: Mount): Promise<void> {
  const point = join(root, path);
  await ensureDirectory(isFolder ? point : dirname(point), 0o755);
  if (!isFolder && (await look(point)) === 'none') await writeUnsynced(point, '', { mode: 0o444 });
}

/** `/lib` that leads to `usr/lib` does so inside, too. */
async function copyLink(root: string, path: string): Promise<void> {
  await makeLink(join(root, path), await readlink(path));
}

async function makeLink(path: string, target: string): Promise<void> {
  if ((await look(path)) === 'link') {
    if ((await readlink(path)) === target) return;
    await removeFile(path);
  }
  await symlink(target, path);
}

/** The tree itself is mounted first: only a mount can become a root. */
function renderTable(root: string, mounts: readonly Mount[]): string {
  const lines = [
    renderLine(root, root, READ_ONLY),
    ...mounts.map(({ path, options }) => renderLine(path, join(root, path), options)),
  ];
  return `${lines.join('\n')}\n`;
}

function renderLine(source: string, target: string, options: string): string {
  return `${escapeField(source)} ${escapeField(target)} none ${options} 0 0`;
}

/** fstab(5): octal for what would end a field. */
export function escapeField(text: string): string {
  return text.replace(/[\s\\#]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
