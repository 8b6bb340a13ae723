// Owns building a test host's disk: Debian as the product's own users have it, the kernel for all machines, the Node that
// runs the tests, and a key that its maker alone logs in with. Kept by its recipe and the versions of its packages.

import { chmod, copyFile, cp, glob, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { renderInitrd } from '@ironbark/images/boot/initrd.ts';
import { findKernel, type UnpackedKernel } from '@ironbark/images/boot/kernel.ts';
import { choosePackages, fetchPackages } from '@ironbark/images/build/apt-archive.ts';
import {
  buildKey,
  digestRecipe,
  findFinishedFolder,
  keepFolder,
} from '@ironbark/images/build/build-cache.ts';
import type { BuildContext } from '@ironbark/images/build/build-context.ts';
import { makeExt4Image } from '@ironbark/images/build/ext4-image.ts';
import { readModules } from '@ironbark/images/build/kernel-modules.ts';
import { inScratchFolder } from '@ironbark/images/build/scratch-folder.ts';
import { findUnpacked, unpackPackages } from '@ironbark/images/build/unpacked-packages.ts';
import { bootstrapRoot } from '@ironbark/images/debian/bootstrap-root.ts';
import {
  digestIndexes,
  findHostSources,
  type IndexTarget,
} from '@ironbark/images/debian/host-sources.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import {
  HOST_BOOT_PACKAGES,
  HOST_LABEL,
  HOST_PACKAGES,
  HOST_ROOT_BYTES,
  ROOT_MODULES,
  UNWANTED_MODULES,
} from './recipe.ts';

export interface HostImage {
  buildId: string;
  disk: string;
  kernel: string;
  initrd: string;
  /** Not compressed, as QEMU's own loader wants it. */
  xen: string;
  /** The private key that logs in as root. */
  key: string;
}

const NAME = 'test-host';
const SUITE = 'bookworm';
const FILES = { disk: 'root.raw', kernel: 'kernel', initrd: 'initrd', xen: 'xen', key: 'key' };
const RECIPE_FOLDERS = [
  import.meta.dirname,
  ...['boot', 'build', 'debian'].map((path) =>
    join(import.meta.dirname, '../../../../packages/images', path),
  ),
];
/** The kernel's package would have an initrd made, and a boot loader told. */
const SKIPPED = /^(initramfs-tools|linux-base|kmod|.*grub.*)$/;
const ROOT_FILES = join(import.meta.dirname, 'root');
/** Where the checkout comes, and images of this machine. */
const MOUNT_POINTS = ['ironbark', 'images'];
const EXECUTABLES = ['etc/test-host/start'];

/** About three minutes, or the finished build of the same recipe and packages. */
export async function buildHostImage(context: BuildContext): Promise<HostImage> {
  const sources = await findHostSources(context, SUITE);
  const key = buildKey(NAME, await digestRecipe(RECIPE_FOLDERS), {
    node: process.version,
    packages: HOST_PACKAGES.join(' '),
    indexes: await digestIndexes(sources),
  });
  const finished = await findHostImage(context.workDir, key);
  if (finished !== undefined) return finished;
  await keepFolder(context, key, async (folder) => {
    await inScratchFolder(context, (scratch) => assemble(context, { sources, scratch, folder }));
    return { files: FILES };
  });
  return (await findHostImage(context.workDir, key))!;
}

async function findHostImage(
  workDir: string,
  key: Parameters<typeof findFinishedFolder>[1],
): Promise<HostImage | undefined> {
  const found = await findFinishedFolder<{ files: typeof FILES }>(workDir, key);
  if (found === undefined) return undefined;
  const at = (name: keyof typeof FILES) => join(found.folder, found.record.files[name]);
  return {
    buildId: key.buildId,
    disk: at('disk'),
    kernel: at('kernel'),
    initrd: at('initrd'),
    xen: at('xen'),
    key: at('key'),
  };
}

interface AssembleInput {
  sources: readonly IndexTarget[];
  scratch: string;
  /** Where the finished files go. */
  folder: string;
}

async function assemble(context: BuildContext, input: AssembleInput): Promise<void> {
  const { scratch, folder } = input;
  const progress = (step: string, fraction: number) => context.onProgress?.({ step, fraction });
  const root = join(scratch, 'root');
  const unpacked = join(scratch, 'unpacked');
  progress('Fetching the kernel and Xen', 0);
  const boot = await choosePackages(context, {
    roots: [...HOST_BOOT_PACKAGES, 'busybox-static'],
    skip: (name) => SKIPPED.test(name),
  });
  await unpackPackages(context, (await fetchPackages(context, boot)).values(), unpacked);
  progress('Installing Debian, which takes two minutes or three', 0.1);
  const { sources } = input;
  await bootstrapRoot(context, { suite: SUITE, sources, root, packages: HOST_PACKAGES });
  progress('Making the kernel’s files', 0.8);
  const kernel = await findKernel(unpacked);
  await writeBootFiles({ unpacked, kernel, folder });
  await addModules(context, root, kernel);
  await configure(context, root, folder);
  progress('Making the disk', 0.9);
  await makeExt4Image(context, {
    folder: root,
    imagePath: join(folder, FILES.disk),
    sizeBytes: HOST_ROOT_BYTES,
    label: HOST_LABEL,
    keepOwners: true,
  });
  progress('Built', 1);
}

async function writeBootFiles({
  unpacked,
  kernel,
  folder,
}: {
  unpacked: string;
  kernel: UnpackedKernel;
  folder: string;
}): Promise<void> {
  const busyboxPath = await findUnpacked(unpacked, ['usr/bin/busybox', 'bin/busybox']);
  const modules = await readModules(kernel.modulesFolder);
  const initrd = await renderInitrd({
    busyboxPath: busyboxPath!,
    modulesFolder: kernel.modulesFolder,
    modules,
    first: ROOT_MODULES,
  });
  await writeUnsynced(join(folder, FILES.initrd), initrd);
  await copyFile(kernel.imagePath, join(folder, FILES.kernel));
  const xen = await Array.fromAsync(glob('boot/xen-*-amd64.gz', { cwd: unpacked }));
  const bytes = gunzipSync(await readFile(join(unpacked, xen[0]!)));
  await writeUnsynced(join(folder, FILES.xen), bytes);
}

async function addModules(
  context: BuildContext,
  root: string,
  { release, modulesFolder }: UnpackedKernel,
): Promise<void> {
  for (const path of UNWANTED_MODULES) {
    await rm(join(modulesFolder, path), { recursive: true, force: true });
  }
  await mkdir(join(root, 'usr/lib/modules'), { recursive: true });
  await cp(modulesFolder, join(root, 'usr/lib/modules', release), { recursive: true });
  await context.commands.run('chroot', [root, 'depmod', release]);
}

async function configure(context: BuildContext, root: string, folder: string): Promise<void> {
  await cp(ROOT_FILES, root, { recursive: true });
  for (const path of EXECUTABLES) await chmod(join(root, path), 0o755);
  await rm(join(root, 'sbin/init'), { force: true });
  await symlink('/bin/busybox', join(root, 'sbin/init'));
  for (const name of MOUNT_POINTS) await mkdir(join(root, name));
  await copyFile(process.execPath, join(root, 'usr/local/bin/node'));
  await makeKey(context, root, folder);
}

async function makeKey(context: BuildContext, root: string, folder: string): Promise<void> {
  const key = join(folder, FILES.key);
  await context.commands.run('ssh-keygen', [
    '-q',
    '-t',
    'ed25519',
    '-N',
    '',
    '-C',
    NAME,
    '-f',
    key,
  ]);
  const ssh = join(root, 'root/.ssh');
  await mkdir(ssh, { mode: 0o700 });
  await copyFile(`${key}.pub`, join(ssh, 'authorized_keys'));
  await chmod(join(ssh, 'authorized_keys'), 0o600);
}
