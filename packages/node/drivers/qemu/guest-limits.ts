// Owns how much of the host a guest's process may take: its memory with what QEMU needs beside it, its share of the
// processors, its threads, descriptors and files.

import { GIB, MIB } from '@ironbark/core/units.ts';
import type { ProcessLimits } from '@ironbark/platform/confined-start.ts';
import type { ResourceLimits } from '@ironbark/platform/control-groups.ts';
import type { GuestSpec } from '../hypervisor-driver.ts';
import type { Accelerator } from './argv.ts';

/** QEMU itself, its disks' requests under way, and the kernel's tables of the guest's memory. */
const LEAST_OVERHEAD_BYTES = 512 * MIB;
const OVERHEAD_SHARE = 1 / 16;
/** Translated code: QEMU 7.2 takes up to 1 GiB for it (accel/tcg, DEFAULT_CODE_GEN_BUFFER_SIZE). */
const TRANSLATION_BYTES = GIB;
/** A disk that is opened with threads has up to 64, and a guest has up to 28 disks. */
const MOST_THREADS = 2_048;
/** Two for each queue of each disk and NIC. */
const MOST_OPEN_FILES = 8_192;

export function guestResources(
  { memoryMib, vcpus }: Pick<GuestSpec, 'memoryMib' | 'vcpus'>,
  accelerator: Accelerator,
): ResourceLimits {
  const guestBytes = memoryMib * MIB;
  const overhead = Math.max(LEAST_OVERHEAD_BYTES, Math.ceil(guestBytes * OVERHEAD_SHARE));
  const translation = accelerator === 'tcg' ? TRANSLATION_BYTES : 0;
  const memoryBytes = guestBytes + overhead + translation;
  return { memoryBytes, vcpus, processes: MOST_THREADS + vcpus };
}

/** No file may grow: the disk has its size, and the log stays below it. */
export function guestProcessLimits(vcpus: number, rootDiskBytes: number): ProcessLimits {
  const fileBytes = Math.max(rootDiskBytes, MIB);
  return { openFiles: MOST_OPEN_FILES, processes: MOST_THREADS + vcpus, fileBytes };
}
