// Owns what a finished build is: a manifest without its blobs, and the files that become them.

import type { ImageManifest } from '@ironbark/protocol/internal/image-manifest.ts';

export interface BuiltImage {
  /** Names one build among those of an image; part of the keys in the object store. */
  buildId: string;
  manifest: Omit<ImageManifest, 'root' | 'kernel' | 'initrd'>;
  /** All raw: a file system or disk, a bzImage, a cpio archive. */
  files: { root: string; kernel?: string; initrd?: string };
}

export interface BuildProgress {
  /** What is being done, for people: `Downloading 21 packages`. */
  step: string;
  /** 0 to 1 over the whole build; never falls. */
  fraction: number;
}

export type OnProgress = (progress: BuildProgress) => void;
