// Owns building the Debian image: a bootstrap of the suite, our settings, the guests' kernel and a short initrd.

import { access, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { renderInitrd } from '../boot/initrd.ts';
import { findKernel, KERNEL_PACKAGE, KERNEL_PARAMETERS, KERNEL_SKIPPED } from '../boot/kernel.ts';
import { choosePackages, fetchPackages } from '../build/apt-archive.ts';
import { buildKey, digestRecipe, findFinishedBuild, keepBuild } from '../build/build-cache.ts';
import type { BuildContext } from '../build/build-context.ts';
import type { BuiltImage } from '../build/built-image.ts';
import type { DebianPackage } from '../build/debian-packages.ts';
import { makeExt4Image } from '../build/ext4-image.ts';
import { readModules } from '../build/kernel-modules.ts';
import { inScratchFolder } from '../build/scratch-folder.ts';
import { findUnpacked, unpackPackages } from '../build/unpacked-packages.ts';
import { bootstrapRoot } from './bootstrap-root.ts';
import { configureRoot } from './configure-root.ts';
import {
  DEBIAN_KEYRING,
  digestIndexes,
  findHostSources,
  type IndexTarget,
} from './host-sources.ts';
import {
  DEBIAN_LABEL,
  DEBIAN_LOGIN_USER,
  DEBIAN_MIN_MEMORY_MIB,
  DEBIAN_NAMES,
  DEBIAN_PACKAGES,
  DEBIAN_ROOT_BYTES,
  type DebianSuite,
  ENABLED_UNITS,
  MASKED_UNITS,
} from './recipe.ts';

export interface DebianBuildContext extends BuildContext {
  suite: DebianSuite;
}

const RECIPE_FOLDERS = ['.', '../boot', '../build', '../volumes'].map((path) =>
  join(import.meta.dirname, path),
);
const UNIT_HOOKS = [
  `chroot "$1" systemctl enable ${ENABLED_UNITS.join(' ')}`,
  `chroot "$1" systemctl mask ${MASKED_UNITS.join(' ')}`,
];
const FILES = { root: 'root.raw', kernel: 'kernel', initrd: 'initrd' };

/** Builds the image in about two minutes, or gives the finished build of the same recipe and indexes. */
export async function buildDebianImage(context: DebianBuildContext): Promise<BuiltImage> {
  const progress = (step: string, fraction: number) => context.onProgress?.({ step, fraction });
  await requireHost(context);
  progress('Choosing packages', 0);
  const sources = await findHostSources(context, context.suite);
  const extra = await choosePackages(context, {
    roots: [KERNEL_PACKAGE, 'busybox-static'],
    skip: (name) => KERNEL_SKIPPED.includes(name),
  });
  const key = buildKey(DEBIAN_NAMES[context.suite], await digestRecipe(RECIPE_FOLDERS), {
    ...versionsOf(extra),
    indexes: await digestIndexes(sources),
  });
  const finished = await findFinishedBuild(context.workDir, key);
  if (finished !== undefined) {
    progress('Already built', 1);
    return finished;
  }
  const built = await keepBuild(context, key, (folder) =>
    inScratchFolder(context, (scratch) => assemble(context, { sources, extra, scratch, folder })),
  );
  progress('Built', 1);
  context.logger.info('image built', { name: key.name, buildId: key.buildId });
  return built;
}

interface AssembleInput {
  sources: readonly IndexTarget[];
  /** Kernel and busybox: beside the root file system, not installed in it. */
  extra: readonly DebianPackage[];
  scratch: string;
  /** Where the finished files go. */
  folder: string;
}

async function assemble(
  context: DebianBuildContext,
  input: AssembleInput,
): Promise<Pick<BuiltImage, 'manifest' | 'files'>> {
  const progress = (step: string, fraction: number) => context.onProgress?.({ step, fraction });
  const root = join(input.scratch, 'root');
  const unpacked = join(input.scratch, 'unpacked');
  progress('Fetching the kernel', 0.02);
  const paths = await fetchPackages(context, input.extra);
  await unpackPackages(context, paths.values(), unpacked);
  progress(`Installing Debian ${context.suite}, which takes a minute or two`, 0.1);
  const { suite } = context;
  const what = { packages: DEBIAN_PACKAGES, hooks: UNIT_HOOKS };
  await bootstrapRoot(context, { suite, sources: input.sources, root, ...what });
  progress('Configuring', 0.8);
  const kernel = await findKernel(unpacked);
  await configureRoot(context, { suite: context.suite, root, kernel });
  progress('Making the initrd and the root disk', 0.85);
  const busyboxPath = await findUnpacked(unpacked, ['usr/bin/busybox', 'bin/busybox']);
  const modules = await readModules(kernel.modulesFolder);
  const initrd = await renderInitrd({ busyboxPath: busyboxPath!, modules, ...kernel });
  await writeUnsynced(join(input.folder, FILES.initrd), initrd);
  await copyFile(kernel.imagePath, join(input.folder, FILES.kernel));
  await makeExt4Image(context, {
    folder: root,
    imagePath: join(input.folder, FILES.root),
    sizeBytes: DEBIAN_ROOT_BYTES,
    label: DEBIAN_LABEL,
    keepOwners: true,
  });
  const installed = await installedPackages(context, root);
  return {
    manifest: describe(context, { ...versionsOf(input.extra), ...installed }),
    files: FILES,
  };
}

function describe(
  context: DebianBuildContext,
  packages: Record<string, string>,
): BuiltImage['manifest'] {
  return {
    format: 'ironbark-image/1',
    name: DEBIAN_NAMES[context.suite],
    description: `Debian ${context.suite} with systemd, cloud-init and OpenSSH`,
    architecture: 'x86_64',
    builtAt: renderTime(context.clock.nowMs()),
    kernelParameters: KERNEL_PARAMETERS,
    rootDiskBytes: DEBIAN_ROOT_BYTES,
    rootDeviceName: '/dev/vda',
    minMemoryMib: DEBIAN_MIN_MEMORY_MIB,
    loginUser: DEBIAN_LOGIN_USER,
    packages,
  };
}

async function installedPackages(
  context: BuildContext,
  root: string,
): Promise<Record<string, string>> {
  const { stdout } = await context.commands.run('dpkg-query', [
    `--admindir=${join(root, 'var/lib/dpkg')}`,
    '--show',
    '--showformat=${Package}\\t${Version}\\n',
  ]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return Object.fromEntries(lines.map((line) => line.split('\t') as [string, string]));
}

function versionsOf(packages: readonly DebianPackage[]): Record<string, string> {
  return Object.fromEntries(packages.map(({ name, version }) => [name, version]));
}

async function requireHost(context: BuildContext): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new ServiceError({
      kind: 'operation-not-permitted',
      resource: 'host',
      message:
        'Building a Debian image installs packages into a folder, which only root may do. Run this ' +
        'with sudo, or use the micro image, which needs no root.',
    });
  }
  const missing: string[] = [];
  await context.commands.run('mmdebstrap', ['--version']).catch(() => missing.push('mmdebstrap'));
  await access(DEBIAN_KEYRING).catch(() => missing.push('debian-archive-keyring'));
  if (missing.length === 0) return;
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'host',
    message: `Building a Debian image needs: apt-get install ${missing.join(' ')}`,
  });
}
