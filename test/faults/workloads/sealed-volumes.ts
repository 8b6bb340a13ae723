// Owns the workload of encrypted volumes: what volumes promise, and zeros where nobody has written: in what a power cut
// has left of a new volume, or of one that was just growing, there is no noise once it is filled.

import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { LUKS_HEADER_BYTES } from '@ironbark/storage/drivers/luks-header.ts';
import { ACCOUNT } from '@ironbark/storage/testing/harness.ts';
import { decryptFile } from '@ironbark/storage/testing/sealed-volumes.ts';
import { untilFilled } from './filling.ts';
import { openVolumesOf, volumeId } from './volumes.ts';
import type { OpenWorkload, WorkloadInput } from './workload.ts';

const SEALED = { encryptedFor: ACCOUNT, headerBytes: LUKS_HEADER_BYTES };

export async function openSealedVolumes(input: WorkloadInput): Promise<OpenWorkload> {
  const volumes = await openVolumesOf(input, SEALED);
  return {
    ...volumes,
    findFaults: async () => [
      ...((await volumes.findFaults?.()) ?? []),
      ...(await findNoise(input.folder, Object.keys(await volumes.read()))),
    ],
  };
}

/** Nobody has written to any volume but the first. */
async function findNoise(folder: string, names: readonly string[]): Promise<string[]> {
  await untilFilled(folder);
  const dataDir = join(folder, 's');
  const untouched = names.filter((name) => name.startsWith('vol-') && name !== volumeId(1));
  const faults: string[] = [];
  for (const id of untouched as VolumeId[]) {
    const plain = await decryptFile({ dataDir }, id);
    if (plain.some((byte) => byte !== 0)) faults.push(`noise in ${id}`);
  }
  return faults;
}
