// Owns building what a guest of the I/O lab boots: Debian's kernel for all machines, which has drivers for the disks of
// 2010 too, and an initrd with the programs that measure. It needs no root disk, so that every disk of the guest can be
// measured. The same programs are there for the host, so that both sides of a ratio come from one and the same.

import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { findKernel, type UnpackedKernel } from '../boot/kernel.ts';
import { choosePackages, fetchPackages } from '../build/apt-archive.ts';
import { buildKey, digestRecipe, findFinishedFolder, keepFolder } from '../build/build-cache.ts';
import type { BuildContext } from '../build/build-context.ts';
import { type CpioEntry, renderCpio } from '../build/cpio-archive.ts';
import { neededLibraries } from '../build/elf-file.ts';
import { inLoadOrder, readModules } from '../build/kernel-modules.ts';
import { inScratchFolder } from '../build/scratch-folder.ts';
import { findUnpacked, readLibrary, unpackPackages } from '../build/unpacked-packages.ts';
import { isSkippedPackage } from '../micro/recipe.ts';
import { trimmed } from '../micro/trimmed.ts';

export interface LabGuestFiles {
  kernel: string;
  initrd: string;
  /** A folder with the guest's programs in `bin` and what they need in `lib`, for the host. */
  tools: string;
}

const NAME = 'lab';
const PACKAGES = [
  ...['linux-image-amd64', 'busybox-static', 'coreutils', 'nbd-client'],
  ...['fio', 'iperf3', 'perl-base'],
];
/** perl-base names it for its installation. */
const INSTALLER = 'dpkg';
const RECIPE_FOLDERS = ['.', '../boot', '../build', '../micro'].map((path) =>
  join(import.meta.dirname, path),
);

/** What a kernel has built in is left out. */
const MODULES = [
  ...['virtio_pci', 'virtio_blk', 'virtio_scsi', 'virtio_net', 'sd_mod'],
  ...['sym53c8xx', 'ata_piix', 'nvme', 'nbd', 'e1000'],
];
const APPLETS = [
  ...['cat', 'insmod', 'ip', 'mkdir', 'mount', 'ping', 'poweroff', 'sh', 'sleep'],
  ...['stty', 'sync', 'tr', 'usleep'],
];
/** busybox's dd prints other sentences than the host's own. */
const PROGRAMS = [
  { name: 'dd', from: ['usr/bin/dd', 'bin/dd'] },
  { name: 'nbd-client', from: ['usr/sbin/nbd-client', 'sbin/nbd-client'] },
  { name: 'fio', from: ['usr/bin/fio'] },
  { name: 'iperf3', from: ['usr/bin/iperf3'] },
  { name: 'perl', from: ['usr/bin/perl'] },
];
/** Our own; they need Perl's interpreter and no module of it. */
const SCRIPTS = ['record-streams', 'round-trips'];
const FOLDERS = ['bin', 'dev', 'lib', 'lib64', 'modules', 'proc', 'sys', 'run', 'tmp', 'var'];
const LOADER = 'ld-linux-x86-64.so.2';
const FILES = { kernel: 'kernel', initrd: 'initrd' };
const TOOLS = 'tools';

/** Builds them, or gives the finished build of the same recipe and package versions. */
export async function buildLabGuest(context: BuildContext): Promise<LabGuestFiles> {
  const progress = (step: string, fraction: number) => context.onProgress?.({ step, fraction });
  progress('Choosing packages', 0);
  const packages = await choosePackages(context, {
    roots: PACKAGES,
    skip: (name) => name === INSTALLER || isSkippedPackage(name),
  });
  const versions = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  const key = buildKey(NAME, await digestRecipe(RECIPE_FOLDERS), versions);
  const finished = await findLabGuest(context.workDir, key);
  if (finished !== undefined) return finished;
  progress(`Fetching ${packages.length} packages`, 0.1);
  const paths = await fetchPackages(context, packages);
  await keepFolder(context, key, async (folder) => {
    const tools = await inScratchFolder(context, async (scratch) => {
      progress('Unpacking packages', 0.5);
      await unpackPackages(context, paths.values(), scratch);
      progress('Making the initrd', 0.8);
      const kernel = await findKernel(scratch);
      const programs = await collectPrograms(scratch);
      const initrd = await renderLabInitrd(scratch, kernel, programs);
      await writeUnsynced(join(folder, FILES.initrd), initrd);
      await copyFile(kernel.imagePath, join(folder, FILES.kernel));
      return await writeTools(folder, programs);
    });
    return { files: { ...FILES, ...tools }, packages: versions };
  });
  return (await findLabGuest(context.workDir, key))!;
}

async function findLabGuest(
  workDir: string,
  key: Parameters<typeof findFinishedFolder>[1],
): Promise<LabGuestFiles | undefined> {
  const found = await findFinishedFolder<{ files: LabGuestFiles }>(workDir, key);
  if (found === undefined) return undefined;
  const { kernel, initrd } = found.record.files;
  return {
    kernel: join(found.folder, kernel),
    initrd: join(found.folder, initrd),
    tools: join(found.folder, TOOLS),
  };
}

interface Programs {
  /** By name. */
  programs: Map<string, Buffer>;
  /** By soname, the loader among them. */
  libraries: Map<string, Buffer>;
}

/** Programs, and the libraries that they need and that those need in turn. */
async function collectPrograms(unpacked: string): Promise<Programs> {
  const programs = new Map<string, Buffer>();
  const wanted = [LOADER];
  for (const { name, from } of PROGRAMS) {
    const contents = trimmed(await readProgram(unpacked, from));
    programs.set(name, contents);
    wanted.push(...neededLibraries(contents));
  }
  for (const name of SCRIPTS) {
    programs.set(name, await readFile(join(import.meta.dirname, 'programs', name)));
  }
  const libraries = new Map<string, Buffer>();
  for (let soname = wanted.pop(); soname !== undefined; soname = wanted.pop()) {
    if (libraries.has(soname)) continue;
    const contents = trimmed(await readLibrary(unpacked, soname));
    libraries.set(soname, contents);
    wanted.push(...neededLibraries(contents));
  }
  return { programs, libraries };
}

/** Their paths by their paths: what a finished build says of its files. */
async function writeTools(
  folder: string,
  { programs, libraries }: Programs,
): Promise<Record<string, string>> {
  const entries = [
    ...[...programs].map(([name, contents]) => [`${TOOLS}/bin/${name}`, contents] as const),
    ...[...libraries].map(([name, contents]) => [`${TOOLS}/lib/${name}`, contents] as const),
  ];
  for (const part of ['bin', 'lib']) await mkdir(join(folder, TOOLS, part), { recursive: true });
  for (const [path, contents] of entries) {
    await writeUnsynced(join(folder, path), contents, { mode: 0o755 });
  }
  return Object.fromEntries(entries.map(([path]) => [path, path]));
}

async function renderLabInitrd(
  unpacked: string,
  kernel: UnpackedKernel,
  programs: Programs,
): Promise<Buffer> {
  const script = await readFile(join(import.meta.dirname, 'guest-init'));
  const busybox = await readProgram(unpacked, ['usr/bin/busybox', 'bin/busybox']);
  return renderCpio([
    ...FOLDERS.map((path) => ({ kind: 'directory' as const, path })),
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', path: 'init', contents: script, mode: 0o755 },
    { kind: 'file', path: 'bin/busybox', contents: busybox, mode: 0o755 },
    ...APPLETS.map((name) => ({ kind: 'link' as const, path: `bin/${name}`, target: 'busybox' })),
    ...programEntries(programs),
    ...(await moduleEntries(kernel)),
  ]);
}

function programEntries({ programs, libraries }: Programs): CpioEntry[] {
  const place = (soname: string) => (soname === LOADER ? `lib64/${soname}` : `lib/${soname}`);
  const entries = [
    ...[...programs].map(([name, contents]) => ({ path: `bin/${name}`, contents })),
    ...[...libraries].map(([soname, contents]) => ({ path: place(soname), contents })),
  ];
  return entries.map((entry) => ({ kind: 'file', ...entry, mode: 0o755 }));
}

async function moduleEntries({ modulesFolder }: UnpackedKernel): Promise<CpioEntry[]> {
  const chosen = inLoadOrder(await readModules(modulesFolder), MODULES);
  const order = chosen.map(({ path }) => `${basename(path)}\n`).join('');
  const entries: CpioEntry[] = [
    { kind: 'file', path: 'modules/order', contents: Buffer.from(order) },
  ];
  for (const { path } of chosen) {
    const contents = await readFile(join(modulesFolder, path));
    entries.push({ kind: 'file', path: `modules/${basename(path)}`, contents });
  }
  return entries;
}

async function readProgram(unpacked: string, from: readonly string[]): Promise<Buffer> {
  const path = await findUnpacked(unpacked, from);
  if (path === undefined) throw new Error(`no package of the recipe contains ${from[0]}`);
  return await readFile(path);
}
