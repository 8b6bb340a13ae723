// Owns the judgement of snapshots under load, one way to have a volume after another, with one guest for all.

import type { CloudUnderTest } from '../../support/cloud-under-test.ts';
import type { DirectGuest } from '../../support/direct-guest.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import {
  checkSnapshotUnderLoad,
  nameWay,
  type VolumeWay,
} from '../../support/snapshot-under-load.ts';
import { deleteSnapshot } from '../../support/volumes.ts';

const DRIVERS = [{}, { guestTransport: 'aoe' }, { guestTransport: 'nbd' }] as const;

/** Plain and encrypted, by the host and by the guest itself. */
export function waysIn(backend: VolumeWay['backend']): VolumeWay[] {
  return [false, true].flatMap((isEncrypted) =>
    DRIVERS.map((driver) => ({ backend, isEncrypted, ...driver })),
  );
}

export async function measureWays(
  cloud: CloudUnderTest,
  guest: DirectGuest,
  { ways, explain }: { ways: readonly VolumeWay[]; explain: (line: string) => void },
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const way of ways) {
    const name = nameWay(way);
    const wrong = await checkSnapshotUnderLoad(cloud, guest, { way }).then(
      async (snapshotId) => {
        await deleteSnapshot(cloud, snapshotId);
        return 0;
      },
      (error: unknown) => {
        explain(`${name}: ${error}`);
        return 1;
      },
    );
    figures.push(zeroFigure(`snapshots that are of no moment: ${name}`, wrong));
    explain(`${name}: done`);
  }
  return figures;
}
