// Owns an instance's files: its folder, its boot files and its root disk.

import { chmod, chown, link, mkdir, rm } from 'node:fs/promises';
import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { ensureDirectory, exists, removeFile, syncDirectory } from '@ironbark/platform/files.ts';
import type { ImageBlob, InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { instanceLayout, instancesDirectory } from '../store/instance-layout.ts';
import type { ImageCache } from './image-cache.ts';
import { makeRootDisk } from './root-disk.ts';

export interface ObservedFiles {
  hasDirectory: boolean;
  hasBootFiles: boolean;
  hasRootDisk: boolean;
  isImageCached: boolean;
}

/** Each function repeats safely, also after it was cut short. */
export interface GuestFiles {
  observe(intent: InstanceIntent): Promise<ObservedFiles>;
  makeDirectory(id: InstanceId, uid: number | undefined): Promise<void>;
  fetchImage(intent: InstanceIntent): Promise<void>;
  linkBootFiles(intent: InstanceIntent): Promise<void>;
  makeRootDisk(intent: InstanceIntent, uid: number | undefined): Promise<void>;
  removeDirectory(id: InstanceId): Promise<void>;
}

export interface GuestFilesContext {
  dataDir: string;
  images: ImageCache;
  commands: Commands;
}

export function createGuestFiles(context: GuestFilesContext): GuestFiles {
  return {
    observe: (intent) => observe(context, intent),
    makeDirectory: (id, uid) => makeDirectory(context.dataDir, id, uid),
    fetchImage: async ({ image }) => {
      for (const blob of [image.kernel, image.initrd, image.root]) {
        if (blob !== undefined) await context.images.ensure(blob);
      }
    },
    linkBootFiles: (intent) => linkBootFiles(context, intent),
    makeRootDisk: (intent, uid) => makeDisk(context, intent, uid),
    removeDirectory: (id) => removeDirectory(context.dataDir, id),
  };
}

async function observe(
  { dataDir, images }: GuestFilesContext,
  intent: InstanceIntent,
): Promise<ObservedFiles> {
  const layout = instanceLayout(dataDir, intent.id);
  const { kernel, initrd, root } = intent.image;
  const hasRootDisk = root === undefined || (await exists(layout.rootDisk));
  const hasKernel = kernel === undefined || (await exists(layout.kernel));
  const hasInitrd = initrd === undefined || (await exists(layout.initrd));
  const blobs = [kernel, initrd, root].filter((blob) => blob !== undefined);
  const cached = await Promise.all(blobs.map((blob) => images.has(blob)));
  return {
    hasDirectory: await exists(layout.directory),
    hasBootFiles: hasKernel && hasInitrd,
    hasRootDisk,
    isImageCached: cached.every(Boolean),
  };
}

/** Guests pass through the folder and own nothing in it but `run` and their disk. */
export async function makeDirectory(
  dataDir: string,
  id: InstanceId,
  uid: number | undefined,
): Promise<void> {
  const layout = instanceLayout(dataDir, id);
  await ensureDirectory(layout.directory);
  await mkdir(layout.run, { recursive: true, mode: 0o700 });
  if (uid !== undefined) {
    await chmod(layout.directory, 0o711);
    await chown(layout.run, uid, uid);
  }
  await syncDirectory(layout.directory);
}

/** A second name of the cached file: it costs nothing and stays when the cache evicts its own. */
async function linkBootFiles(
  { dataDir, images }: GuestFilesContext,
  { id, image }: InstanceIntent,
): Promise<void> {
  const layout = instanceLayout(dataDir, id);
  await linkBlob(images, image.kernel, layout.kernel);
  await linkBlob(images, image.initrd, layout.initrd);
  await syncDirectory(layout.directory);
}

async function linkBlob(images: ImageCache, blob: ImageBlob | undefined, path: string) {
  if (blob === undefined) return;
  await removeFile(path);
  await images.with(blob, (cached) => link(cached, path));
}

async function makeDisk(
  { dataDir, images, commands }: GuestFilesContext,
  { id, image, rootDisk }: InstanceIntent,
  uid: number | undefined,
): Promise<void> {
  const { root } = image;
  if (root === undefined) throw new Error(`the root disk of ${id} is a volume`);
  const path = instanceLayout(dataDir, id).rootDisk;
  const sizeBytes = Math.max(rootDisk.sizeBytes, root.unpackedBytes);
  await images.with(root, (imagePath) =>
    makeRootDisk({ path, imagePath, sizeBytes, uid }, commands),
  );
}

export async function removeDirectory(dataDir: string, id: InstanceId): Promise<void> {
  await rm(instanceLayout(dataDir, id).directory, { recursive: true, force: true });
  await syncDirectory(instancesDirectory(dataDir));
}
