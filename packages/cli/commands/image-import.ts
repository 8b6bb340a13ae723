// Owns `ironbark image import`: a foreign disk becomes an image.

import { rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { importImage as importDisk } from '@ironbark/images/import/import-image.ts';
import type { CliContext } from '../context.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { buildContext, publish, type RootDevice } from '../publish.ts';

export interface ImageImportOptions {
  name: string;
  user: string;
  format: 'raw' | 'qcow2';
  rootDevice: RootDevice;
}

export async function importImage(
  context: CliContext,
  file: string,
  options: ImageImportOptions,
): Promise<void> {
  const { terminal } = context;
  await getDaemon(context.dataDir, context.self);
  const { name, format, rootDevice, user: loginUser } = options;
  const request = { path: resolve(file), name, format, loginUser };
  const built = await terminal.step(
    `Importing ${file}`,
    async (progress) => await importDisk(buildContext(context, progress), request),
  );
  try {
    const imageId = await terminal.step(
      `Storing image ${name}`,
      async (progress) => await publish(context, built, { name, rootDevice }, progress),
    );
    terminal.result({ imageId, name }, () => `${imageId} is ${name}`);
  } finally {
    // The cloud has its own copy now.
    await rm(dirname(built.files.root), { recursive: true, force: true });
  }
}
