// Each time that somebody is let in to write they come by another socket: who was let in before finds it no more.

import assert from 'node:assert/strict';
import { access, link } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { KIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import {
  daemonPid,
  Harness,
  NODE,
  nbdUri,
  qemuIo,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { QemuIo } from './workloads/qemu-io.ts';

/** QEMU tries to connect again each second. */
const CHANCE_MS = 3_000;
const WAITS_S = 60;

test('what the last host has not got answered never reaches a volume that was opened for the next', async () => {
  await using harness = await Harness.start();
  const id = volumeId(1);
  const first = await open(harness, 1);
  const guest = new QemuIo(nbdUri(first), { waitsSeconds: WAITS_S });
  await guest.write(0, 4 * KIB, 1);
  // As a node leads a guest to its volume: by another name of the socket.
  const way = join(harness.root, 'way');
  await link(pathOf(first), way);
  await harness.put(volume(1, { generation: 2 }));
  await harness.untilVolume(id, (seen) => seen.generation === 2 && seen.export === undefined);
  const late = guest.write(0, 4 * KIB, 2).then(
    () => 'written',
    () => 'refused',
  );
  try {
    const second = await open(harness, 3);
    await qemuIo(second, 'write -P 3 0 4k');
    const untilMs = systemClock.monotonicMs() + CHANCE_MS;
    await harness.until('the first host had its chance', async () => {
      await qemuIo(second, 'read -P 3 0 4k');
      return systemClock.monotonicMs() > untilMs;
    });
    await assert.rejects(access(pathOf(first)));
    await assert.rejects(qemuIo({ ...second, export: exportAt(second, way) }, 'read 0 4k'));
  } finally {
    guest.kill();
  }
  assert.equal(await late, 'refused');
});

test('a daemon that is started again serves whom it served before, at the same place', async () => {
  await using harness = await Harness.start();
  const seen = await open(harness, 1);
  const pid = await daemonPid(harness, volumeId(1));
  process.kill(pid, 'SIGKILL');
  await harness.until('another daemon', async () => {
    const other = await daemonPid(harness, volumeId(1)).catch(() => pid);
    return other !== pid && (await qemuIo(seen, 'read 0 4k').then(yes, no));
  });
  assert.equal(pathOf((await harness.volume(volumeId(1)))!), pathOf(seen));
});

const yes = () => true;
const no = () => false;

async function open(harness: Harness, generation: number): Promise<VolumeStorageObservation> {
  await harness.put(volume(1, { generation, exportTo: NODE }));
  return await harness.untilVolume(
    volumeId(1),
    (seen) => seen.generation === generation && seen.export !== undefined,
  );
}

function pathOf({ export: place }: VolumeStorageObservation): string {
  if (place?.kind !== 'nbd-unix') throw new Error('not exported');
  return place.socketPath;
}

function exportAt(seen: VolumeStorageObservation, socketPath: string) {
  return { kind: 'nbd-unix', socketPath, exportName: seen.id } as const;
}
