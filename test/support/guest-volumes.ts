// Owns volumes of a cloud under test that a guest drives itself: made, found in the guest, and the processes of their
// targets.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestTransport } from '@ironbark/core/io-profile.ts';
import { AOE_MAIN } from '@ironbark/storage/drivers/aoe/target-process.ts';
import { findTarget } from '@ironbark/storage/drivers/guest-targets/target-process.ts';
import { NBD_MAIN } from '@ironbark/storage/drivers/nbd-target/nbd-targets.ts';
import { type CloudUnderTest, eventually } from './cloud-under-test.ts';
import type { DirectGuest } from './direct-guest.ts';
import { makeVolume } from './volumes.ts';

/** Of 1 GiB, for attach mode `guest`. */
export function createGuestVolume(
  cloud: CloudUnderTest,
  transport?: GuestTransport,
): Promise<string> {
  const Tags = [{ Key: 'ironbark:attach-mode', Value: 'guest' }];
  if (transport !== undefined) Tags.push({ Key: 'ironbark:transport', Value: transport });
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

const MAIN = { aoe: AOE_MAIN, nbd: NBD_MAIN };

/** Those of all subnets. */
export async function guestTargetPids(
  { dataDir }: CloudUnderTest,
  transport: GuestTransport,
): Promise<number[]> {
  const parent = join(dataDir, 'storage/run', transport);
  const names = await readdir(parent).catch(() => []);
  const folders = names.filter((name) => /^subnet-[0-9a-f]+$/.test(name));
  const found = await Promise.all(
    folders.map((name) => findTarget({ folder: join(parent, name) }, MAIN[transport])),
  );
  return found.flatMap((target) => target?.pid ?? []);
}
