// Owns laying out the micro image's root file system as a folder.

import { chmod, cp, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import type { UnpackedKernel } from '../boot/kernel.ts';
import type { BuildContext } from '../build/build-context.ts';
import { neededLibraries } from '../build/elf-file.ts';
import {
  inLoadOrder,
  type KernelModule,
  renderModulesAlias,
  renderModulesDep,
} from '../build/kernel-modules.ts';
import { findUnpacked, readLibrary } from '../build/unpacked-packages.ts';
import { MICRO_PROGRAMS, type Program, ROOT_MODULES } from './recipe.ts';
import { trimmed } from './trimmed.ts';

const LIBRARY_FOLDER = 'usr/lib/x86_64-linux-gnu';
const LOADER = 'ld-linux-x86-64.so.2';
const FOLDERS = [
  'dev',
  'etc/dropbear',
  'mnt',
  'proc',
  'root',
  'run',
  'sys',
  'tmp',
  'usr/bin',
  'usr/lib64',
  'usr/local/bin',
  LIBRARY_FOLDER,
  'var/lib/ironbark',
  'var/log',
];
/** One folder for programs; every usual path leads there. */
const LINKS: readonly [path: string, target: string][] = [
  ['bin', 'usr/bin'],
  ['sbin', 'usr/bin'],
  ['lib', 'usr/lib'],
  ['lib64', 'usr/lib64'],
  ['usr/sbin', 'bin'],
  ['usr/lib/sftp-server', 'openssh/sftp-server'],
  ['etc/mtab', '../proc/self/mounts'],
  ['var/run', '../run'],
  ['var/tmp', '../tmp'],
  [`usr/lib64/${LOADER}`, `../lib/x86_64-linux-gnu/${LOADER}`],
];
const GUEST_FILES = join(import.meta.dirname, 'guest');
const VOLUMES_FOLDER = join(import.meta.dirname, '../volumes');
const VOLUMES_PROGRAMS = ['ironbark-volumes', 'ironbark-nbd'];
const EXECUTABLE_GUEST_FILES = /^(usr\/lib\/ironbark|etc\/acpi)\//;

export interface RootTreeInput {
  unpacked: string;
  root: string;
  kernel: UnpackedKernel;
  modules: ReadonlyMap<string, KernelModule>;
}

export async function layOutRoot(context: BuildContext, input: RootTreeInput): Promise<void> {
  const { root, unpacked } = input;
  for (const folder of FOLDERS) await mkdir(join(root, folder), { recursive: true });
  await chmod(join(root, 'tmp'), 0o1777);
  await chmod(join(root, 'root'), 0o700);
  for (const program of MICRO_PROGRAMS) await addProgram(unpacked, root, program);
  await addBusyboxLinks(context, root);
  await addLibraries(unpacked, root);
  for (const [path, target] of LINKS) await symlink(target, join(root, path));
  await addModules(input);
  await addGuestFiles(root);
  await addVolumesUnit(root);
  await proveProgramsStart(context, root);
}

async function addProgram(unpacked: string, root: string, program: Program): Promise<void> {
  const source = await findUnpacked(unpacked, program.from);
  if (source === undefined) throw new Error(`no package of the recipe contains ${program.from[0]}`);
  const target = join(root, program.to);
  await mkdir(dirname(target), { recursive: true });
  await writeUnsynced(target, trimmed(await readFile(source)), { mode: 0o755 });
  for (const link of program.links ?? []) {
    await symlink(program.to.split('/').at(-1)!, join(dirname(target), link));
  }
}

/** Every applet of busybox by its name, where no better program has it. */
async function addBusyboxLinks(context: BuildContext, root: string): Promise<void> {
  const folder = join(root, 'usr/bin');
  const present = new Set(await readdir(folder));
  const { stdout } = await context.commands.run(join(folder, 'busybox'), ['--list']);
  for (const applet of stdout.split('\n')) {
    if (applet !== '' && !present.has(applet)) await symlink('busybox', join(folder, applet));
  }
}

/** The libraries that the programs need, and what those need in turn. */
async function addLibraries(unpacked: string, root: string): Promise<void> {
  const added = new Set<string>([LOADER]);
  const wanted = [LOADER];
  for (const program of MICRO_PROGRAMS) {
    wanted.push(...neededLibraries(await readFile(join(root, program.to))));
  }
  for (let soname = wanted.pop(); soname !== undefined; soname = wanted.pop()) {
    if (added.has(soname) && soname !== LOADER) continue;
    added.add(soname);
    const bytes = trimmed(await readLibrary(unpacked, soname));
    await writeUnsynced(join(root, LIBRARY_FOLDER, soname), bytes, { mode: 0o755 });
    wanted.push(...neededLibraries(bytes).filter((next) => !added.has(next)));
  }
}

async function addModules(input: RootTreeInput): Promise<void> {
  const folder = join(input.root, 'usr/lib/modules', input.kernel.release);
  const chosen = inLoadOrder(input.modules, ROOT_MODULES);
  for (const module of chosen) {
    await cp(join(input.kernel.modulesFolder, module.path), join(folder, module.path));
  }
  await writeUnsynced(join(folder, 'modules.dep'), renderModulesDep(chosen));
  await writeUnsynced(join(folder, 'modules.alias'), renderModulesAlias(chosen));
  await writeUnsynced(join(folder, 'modules.symbols'), '');
  const builtin = await readFile(join(input.kernel.modulesFolder, 'modules.builtin'));
  await writeUnsynced(join(folder, 'modules.builtin'), builtin);
}

async function addGuestFiles(root: string): Promise<void> {
  const entries = await readdir(GUEST_FILES, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((candidate) => candidate.isFile())) {
    const source = join(entry.parentPath, entry.name);
    const path = relative(GUEST_FILES, source);
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    const mode = EXECUTABLE_GUEST_FILES.test(path) ? 0o755 : path === 'etc/shadow' ? 0o600 : 0o644;
    await writeUnsynced(target, await readFile(source));
    await chmod(target, mode);
  }
}

/** The same in every image of ours. */
async function addVolumesUnit(root: string): Promise<void> {
  for (const program of VOLUMES_PROGRAMS) {
    const target = join(root, 'usr/lib/ironbark', program);
    await writeUnsynced(target, await readFile(join(VOLUMES_FOLDER, program)), { mode: 0o755 });
  }
}

/** A library that is missing, or that was cut off too boldly, must end the build and not a guest's user. */
async function proveProgramsStart(context: BuildContext, root: string): Promise<void> {
  const libraries = join(root, LIBRARY_FOLDER);
  const start = (program: string, ...args: string[]) =>
    context.commands.run(join(libraries, LOADER), [
      '--library-path',
      libraries,
      join(root, 'usr/bin', program),
      ...args,
    ]);
  await start('bash', '--version');
  await start('fio', '--version');
  await start('iperf3', '--version');
  await start('dropbear', '-V');
  await start('mke2fs', '-V');
  await start('e2fsck', '-V');
  await start('nbd-client', '-V');
  await start('perl', '-v');
}
