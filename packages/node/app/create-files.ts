// Owns which files a node keeps of its instances: images and disks, or what stands for them where guests are simulated.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import { createGuestFiles, type GuestFiles } from './guest-files.ts';
import { ImageCache } from './image-cache.ts';
import { createSimulatedFiles } from './simulated-files.ts';

export interface FilesOptions {
  dataDir: string;
  hypervisor: 'qemu' | 'simulated';
  objects: Pick<ObjectsClient, 'getObject'>;
  clock: Clock;
  commands: Commands;
}

export async function createFiles(options: FilesOptions): Promise<GuestFiles> {
  const { dataDir, objects, clock, commands } = options;
  if (options.hypervisor === 'simulated') return createSimulatedFiles(dataDir);
  const images = await ImageCache.open({ dataDir, objects, clock });
  return createGuestFiles({ dataDir, images, commands });
}
