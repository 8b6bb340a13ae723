// Owns `ironbark image build`: an image from Debian packages, registered under its name and build.

import type { BuildContext } from '@ironbark/images/build/build-context.ts';
import type { BuiltImage } from '@ironbark/images/build/built-image.ts';
import { buildDebianImage } from '@ironbark/images/debian/build-debian-image.ts';
import { buildMicroImage } from '@ironbark/images/micro/build-micro-image.ts';
import type { CliContext } from '../context.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { openEc2 } from '../ec2.ts';
import { DEBIAN_IMAGE_PACKAGES, ensurePackages, type HostPackage } from '../host-packages.ts';
import { Problem } from '../problem.ts';
import { buildContext, publish, type RootDevice } from '../publish.ts';

interface Recipe {
  build(context: BuildContext): Promise<BuiltImage>;
  packages: readonly HostPackage[];
}

const RECIPES: Readonly<Record<string, Recipe>> = {
  micro: { build: buildMicroImage, packages: [] },
  'debian-12': {
    build: (context) => buildDebianImage({ ...context, suite: 'bookworm' }),
    packages: DEBIAN_IMAGE_PACKAGES,
  },
};

export interface ImageBuildOptions {
  yes: boolean;
  rootDevice: RootDevice;
  /** Where programs are looked for. */
  path: string;
}

export async function buildImage(
  context: CliContext,
  name: string,
  options: ImageBuildOptions,
): Promise<void> {
  const recipe = RECIPES[name];
  if (recipe === undefined) {
    throw new Problem(`there is no recipe for ${name}`, [
      `those there are: ${Object.keys(RECIPES).join(', ')}`,
    ]);
  }
  // Minutes of building are for nothing when there is no cloud to store it.
  await getDaemon(context.dataDir, context.self);
  await ensurePackages(context, { wanted: recipe.packages, path: options.path, yes: options.yes });
  const image = await buildAndPublish(context, name, recipe, options.rootDevice);
  context.terminal.result(
    image,
    () => `${image.imageId} is ${image.name}: ${context.self} launch --image ${image.name}`,
  );
}

/** What `up` does: the first image, unless the cloud has one. */
export async function ensureMicroImage(context: CliContext): Promise<void> {
  const ec2 = await openEc2(context);
  const { Images } = await ec2.call('DescribeImages', {
    Owners: ['self'],
    Filters: [{ Name: 'name', Values: ['micro-*'] }],
  });
  if (Images === undefined || Images.length === 0)
    await buildAndPublish(context, 'micro', RECIPES['micro']!, 'instance-store');
}

async function buildAndPublish(
  context: CliContext,
  recipeName: string,
  recipe: Recipe,
  rootDevice: RootDevice,
): Promise<{ imageId: string; name: string }> {
  const { terminal } = context;
  const built = await terminal.step(
    `Building image ${recipeName}`,
    async (progress) => await recipe.build(buildContext(context, progress)),
  );
  const kind = rootDevice === 'ebs' ? `${recipeName}-ebs` : recipeName;
  const name = `${kind}-${built.buildId}`;
  const known = await findRegistered(context, name);
  const imageId =
    known ??
    (await terminal.step(
      `Storing image ${name}`,
      async (progress) => await publish(context, built, { name, rootDevice }, progress),
    ));
  return { imageId, name };
}

/** The same recipe and packages give the same build; registering it twice would be refused. */
async function findRegistered(context: CliContext, name: string): Promise<string | undefined> {
  const ec2 = await openEc2(context);
  const { Images } = await ec2.call('DescribeImages', {
    Owners: ['self'],
    Filters: [{ Name: 'name', Values: [name] }],
  });
  return Images?.[0]?.ImageId;
}
