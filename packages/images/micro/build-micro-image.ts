// Owns building the micro image: Debian packages in, root file system, kernel and initrd out.

import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { renderTime } from '@ironbark/platform/clock.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { renderInitrd } from '../boot/initrd.ts';
import { findKernel, KERNEL_PACKAGE, KERNEL_PARAMETERS } from '../boot/kernel.ts';
import { choosePackages, fetchPackages } from '../build/apt-archive.ts';
import { buildKey, digestRecipe, findFinishedBuild, keepBuild } from '../build/build-cache.ts';
import type { BuildContext } from '../build/build-context.ts';
import type { BuiltImage } from '../build/built-image.ts';
import { makeExt4Image } from '../build/ext4-image.ts';
import { readModules } from '../build/kernel-modules.ts';
import { inScratchFolder } from '../build/scratch-folder.ts';
import { unpackPackages } from '../build/unpacked-packages.ts';
import {
  isSkippedPackage,
  MICRO_DESCRIPTION,
  MICRO_LABEL,
  MICRO_MIN_MEMORY_MIB,
  MICRO_NAME,
  MICRO_PACKAGES,
  MICRO_ROOT_BYTES,
} from './recipe.ts';
import { layOutRoot } from './root-tree.ts';

const RECIPE_FOLDERS = ['.', '../boot', '../build', '../volumes'].map((path) =>
  join(import.meta.dirname, path),
);

/** Builds the image, or gives the finished build of the same recipe and package versions. */
export async function buildMicroImage(context: BuildContext): Promise<BuiltImage> {
  const progress = (step: string, fraction: number) => context.onProgress?.({ step, fraction });
  progress('Choosing packages', 0);
  const packages = await choosePackages(context, {
    roots: [KERNEL_PACKAGE, ...MICRO_PACKAGES],
    skip: isSkippedPackage,
  });
  const versions = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  const recipe = await digestRecipe(RECIPE_FOLDERS);
  const key = buildKey(MICRO_NAME, recipe, versions);
  const finished = await findFinishedBuild(context.workDir, key);
  if (finished !== undefined) {
    progress('Already built', 1);
    return finished;
  }
  progress(`Fetching ${packages.length} packages`, 0.05);
  const paths = await fetchPackages(context, packages);
  const built = await keepBuild(context, key, async (folder) => {
    await inScratchFolder(context, (scratch) => assemble(context, { paths, scratch, folder }));
    return { manifest: describe(context, versions), files: FILES };
  });
  progress('Built', 1);
  context.logger.info('image built', { name: MICRO_NAME, buildId: built.buildId });
  return built;
}

const FILES = { root: 'root.raw', kernel: 'kernel', initrd: 'initrd' };

function describe(context: BuildContext, packages: Record<string, string>): BuiltImage['manifest'] {
  return {
    format: 'ironbark-image/1',
    name: MICRO_NAME,
    description: MICRO_DESCRIPTION,
    architecture: 'x86_64',
    builtAt: renderTime(context.clock.nowMs()),
    kernelParameters: KERNEL_PARAMETERS,
    rootDiskBytes: MICRO_ROOT_BYTES,
    rootDeviceName: '/dev/vda',
    minMemoryMib: MICRO_MIN_MEMORY_MIB,
    loginUser: 'root',
    packages,
  };
}

interface AssembleInput {
  paths: ReadonlyMap<string, string>;
  scratch: string;
  /** Where the finished files go. */
  folder: string;
}

async function assemble(context: BuildContext, input: AssembleInput): Promise<void> {
  const progress = (step: string, fraction: number) => context.onProgress?.({ step, fraction });
  const unpacked = join(input.scratch, 'unpacked');
  const root = join(input.scratch, 'root');
  progress('Unpacking packages', 0.4);
  await unpackPackages(context, input.paths.values(), unpacked);
  const kernel = await findKernel(unpacked);
  const modules = await readModules(kernel.modulesFolder);
  progress('Laying out the root file system', 0.6);
  await mkdir(root);
  await layOutRoot(context, { unpacked, root, modules, kernel });
  progress('Making the initrd', 0.8);
  const initrd = await renderInitrd({
    busyboxPath: join(root, 'usr/bin/busybox'),
    modulesFolder: kernel.modulesFolder,
    modules,
  });
  await writeUnsynced(join(input.folder, FILES.initrd), initrd);
  await copyFile(kernel.imagePath, join(input.folder, FILES.kernel));
  progress('Making the root disk', 0.85);
  await makeExt4Image(context, {
    folder: root,
    imagePath: join(input.folder, FILES.root),
    sizeBytes: MICRO_ROOT_BYTES,
    label: MICRO_LABEL,
    keepOwners: process.getuid?.() === 0,
  });
}
