// Owns the workload of encrypted volumes: what volumes promise, and zeros where nobody has written: in what a power cut
// has left of a new volume, or of one that was just growing, there is no noise.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { openSectors } from '@ironbark/storage/drivers/aes-xts.ts';
import { LUKS_HEADER_BYTES } from '@ironbark/storage/drivers/luks-header.ts';
import { luksKeysOf } from '@ironbark/storage/drivers/volume-seal.ts';
import { ACCOUNT } from '@ironbark/storage/testing/harness.ts';
import { readVolumeKey } from '@ironbark/storage/testing/sealed-volumes.ts';
import { openVolumesOf, volumeId } from './volumes.ts';
import type { OpenWorkload, WorkloadInput } from './workload.ts';

const SEALED = { encryptedFor: ACCOUNT, headerBytes: LUKS_HEADER_BYTES };

export async function openSealedVolumes(input: WorkloadInput): Promise<OpenWorkload> {
  const volumes = await openVolumesOf(input, SEALED);
  return {
    ...volumes,
    findFaults: async () => [
      ...((await volumes.findFaults?.()) ?? []),
      ...(await findNoise(join(input.folder, 's'), Object.keys(await volumes.read()))),
    ],
  };
}

/** Nobody has written to any volume but the first. */
async function findNoise(dataDir: string, names: readonly string[]): Promise<string[]> {
  const untouched = names.filter((name) => name.startsWith('vol-') && name !== volumeId(1));
  const faults: string[] = [];
  for (const id of untouched as VolumeId[]) {
    const { payloadKey: key } = luksKeysOf(await readVolumeKey({ dataDir }, id));
    const file = await readFile(join(dataDir, 'volumes', `${id}.raw`));
    const plain = openSectors({ key, first: 0 }, file.subarray(LUKS_HEADER_BYTES));
    if (plain.some((byte) => byte !== 0)) faults.push(`noise in ${id}`);
  }
  return faults;
}
