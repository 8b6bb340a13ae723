// Owns the files of simulated instances: real folders and records, but no image is fetched and no disk allocated.

import { open } from 'node:fs/promises';
import { exists } from '@ironbark/platform/files.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { instanceLayout } from '../store/instance-layout.ts';
import { type GuestFiles, makeDirectory, removeDirectory } from './guest-files.ts';

export function createSimulatedFiles(dataDir: string): GuestFiles {
  const layoutOf = (intent: InstanceIntent) => instanceLayout(dataDir, intent.id);
  return {
    observe: async (intent) => ({
      hasDirectory: await exists(layoutOf(intent).directory),
      hasBootFiles: true,
      hasRootDisk: intent.image.root === undefined || (await exists(layoutOf(intent).rootDisk)),
      isImageCached: true,
    }),
    makeDirectory: (id) => makeDirectory(dataDir, id, undefined),
    fetchImage: async () => {},
    linkBootFiles: async () => {},
    makeRootDisk: async (intent) => {
      const marker = await open(layoutOf(intent).rootDisk, 'a', 0o600);
      await marker.close();
    },
    removeDirectory: (id) => removeDirectory(dataDir, id),
  };
}
