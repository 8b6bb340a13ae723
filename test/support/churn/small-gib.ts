// Owns a Storage Controller for whom a GiB is a few MiB, so that a thousand volumes of EC2's sizes fit on any disk and
// all of each is read: everything above it and below it is as it is.

import { GIB, MIB } from '@ironbark/core/units.ts';
import type { StorageClient } from '@ironbark/protocol/internal/storage-client.ts';

/** Eight blocks of a snapshot. */
export const SMALL_GIB = 4 * MIB;
const FACTOR = GIB / SMALL_GIB;

export function withSmallGib(client: StorageClient): StorageClient {
  return {
    ...client,
    putIntents: ({ volumes, snapshots }) =>
      client.putIntents({
        volumes: volumes.map((each) => ({ ...each, sizeBytes: each.sizeBytes / FACTOR })),
        snapshots: snapshots.map((each) => ({
          ...each,
          volumeSizeBytes: each.volumeSizeBytes / FACTOR,
        })),
      }),
    getReport: async () => {
      const report = await client.getReport();
      const { freeBytes, totalBytes } = report;
      return { ...report, freeBytes: freeBytes * FACTOR, totalBytes: totalBytes * FACTOR };
    },
  };
}
