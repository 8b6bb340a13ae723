// Owns volumes of a cloud under test that a guest drives itself: made, found in the guest, and the process of their
// AoE target.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findAoeTarget } from '@ironbark/storage/drivers/aoe/target-process.ts';
import { type CloudUnderTest, eventually } from './cloud-under-test.ts';
import type { DirectGuest } from './direct-guest.ts';
import { makeVolume } from './volumes.ts';

/** Of 1 GiB, for attach mode `guest`. */
export function createGuestVolume(cloud: CloudUnderTest): Promise<string> {
  const Tags = [{ Key: 'ironbark:attach-mode', Value: 'guest' }];
  return makeVolume(cloud, { Size: 1, TagSpecifications: [{ ResourceType: 'volume', Tags }] });
}

/** As any volume is found, whoever drives it. */
export function linkOf(volumeId: string): string {
  return `/dev/disk/by-id/virtio-${volumeId.replace('-', '')}`;
}

/** The disk behind the link, such as `/dev/etherd/e10.0`. */
export async function untilThere(guest: DirectGuest, volumeId: string): Promise<string> {
  return await eventually(`${volumeId} in the guest`, async () => {
    const link = linkOf(volumeId);
    const found = await guest.run(`test -b ${link} && readlink -f ${link} || true`);
    return found === '' ? undefined : found;
  });
}

/** Those of all subnets. */
export async function aoeTargetPids({ dataDir }: CloudUnderTest): Promise<number[]> {
  const parent = join(dataDir, 'storage/run/aoe');
  const names = await readdir(parent).catch(() => []);
  const folders = names.filter((name) => /^subnet-[0-9a-f]+$/.test(name));
  const found = await Promise.all(
    folders.map((name) => findAoeTarget({ folder: join(parent, name) })),
  );
  return found.flatMap((target) => target?.pid ?? []);
}
