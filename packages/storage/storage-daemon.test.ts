// Needs qemu-storage-daemon, qemu-io and setpriv; what needs root says so and is skipped without it.

import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import {
  daemonPid,
  Harness,
  holdUploads,
  hurriedClock,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const isRoot = process.getuid?.() === 0;
const VOLUME = volumeId(1);

test('a volume is made, written, snapshotted, overwritten, restored and removed', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  assert.equal(seen.state, 'ready');
  const file = await stat(join(harness.dataDir, 'volumes', `${VOLUME}.raw`));
  assert.equal(file.mode & 0o777, isRoot ? 0o660 : 0o600);
  assert.ok(file.blocks * 512 >= 16 * MIB, 'every byte has its place');
  await qemuIo(seen, 'read -P 0 0 16M', 'write -P 0x11 0 6M', 'write -P 0x22 9M 64k');

  const upload = holdUploads(harness);
  await harness.put(snapshot(1));
  await upload.reached;
  await qemuIo(seen, 'write -P 0x33 0 8M', 'write -z 9M 1M', 'discard 4M 1M');
  upload.release();
  const done = await harness.untilSnapshot(snapshotId(1), (each) => each.state !== 'pending');
  assert.deepEqual([done.state, done.progressPercent, done.generation], ['completed', 100, 1]);
  assert.ok(done.storedBytes > 0 && done.storedBytes < 16 * MIB);

  const copy = { fromSnapshotId: snapshotId(1), sizeBytes: 20 * MIB, exportTo: NODE };
  await harness.put(volume(2, copy));
  const restored = await harness.untilVolume(volumeId(2), (each) => each.export !== undefined);
  await qemuIo(restored, 'read -P 0x11 0 6M', 'read -P 0 6M 3M', 'read -P 0x22 9M 64k');
  await qemuIo(restored, 'read -P 0 9280k 64k', 'read -P 0 10M 10M');
  await qemuIo(seen, 'read -P 0x33 0 4M', 'read -P 0 9M 1M');

  const gone = { generation: 2, desired: 'absent' as const };
  await harness.put(volume(1, gone), volume(2, gone), snapshot(1, gone));
  for (const id of [VOLUME, volumeId(2)]) {
    const last = await harness.untilVolume(id, (each) => each.state === 'absent');
    assert.equal(last.generation, 2);
  }
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'absent');
  await harness.untilQuiet();
  assert.deepEqual(await harness.files(), []);
  // Its blocks go a little later.
  assert.ok(harness.objectKeys().every((key) => key.startsWith('blocks/')));
});

test('two snapshots that overlap hold their own points in time while random writes go on', async () => {
  await using harness = await Harness.start();
  const sizeBytes = 64 * MIB;
  await harness.put(volume(1, { sizeBytes, exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 64M');
  const upload = holdUploads(harness);
  await harness.put(snapshot(1, { volumeSizeBytes: sizeBytes }));
  await upload.reached;
  await qemuIo(seen, 'write -P 0x22 0 64M');
  await harness.put(snapshot(2, { volumeSizeBytes: sizeBytes }));
  await harness.until('both points', async () => (await overwritten(harness)).length === 2);
  await harness.untilQuietFreeze();
  const seed = Math.floor(Math.random() * 2 ** 31);
  const writes = qemuIo(seen, ...randomWrites(seed, sizeBytes));
  upload.release();
  await writes;
  for (const [digit, pattern] of [
    [1, '0x11'],
    [2, '0x22'],
  ] as const) {
    const done = await harness.untilSnapshot(snapshotId(digit), (e) => e.state !== 'pending');
    assert.equal(done.state, 'completed', `seed ${seed}: ${done.reason}`);
    const copy = { fromSnapshotId: snapshotId(digit), sizeBytes, exportTo: NODE };
    await harness.put(volume(digit + 1, copy));
    const restored = await harness.untilVolume(volumeId(digit + 1), (e) => e.export !== undefined);
    await assert.doesNotReject(qemuIo(restored, `read -P ${pattern} 0 64M`), `seed ${seed}`);
  }
  await harness.until('filters to go', async () => (await overwritten(harness)).length === 0);
});

test('a target that is killed comes back at once, for whoever was let in', async (t) => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  assert.equal(seen.export?.kind, 'nbd-unix');
  const { socketPath } = seen.export;
  assert.equal(
    (await stat(socketPath)).mode & 0o777,
    0o600,
    'nobody is let in before the node says who',
  );
  if (isRoot) await systemCommands.run('chown', ['12345:12345', socketPath]);
  await qemuIo(seen, 'write -P 0x11 0 1M', 'flush');
  const before = await daemonPid(harness, VOLUME);
  process.kill(before, 'SIGKILL');
  const after = await harness.until('another process', async () => {
    const pid = await daemonPid(harness, VOLUME).catch(() => before);
    return pid !== before && pid;
  });
  assert.notEqual(after, before);
  await harness.untilDone(seen, 'read -P 0x11 0 1M');
  const socket = await stat(socketPath);
  assert.equal(socket.mode & 0o777, 0o600);
  if (isRoot) assert.deepEqual([socket.uid, socket.gid], [12345, 12345]);
  else t.diagnostic('not root: the owner of the socket was not tested');
});

test('a restart finds the same target, and goes on with a snapshot that is under way', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 16M');
  const pid = await daemonPid(harness, VOLUME);
  harness.objects.ensureBucket = async () => {
    throw new Error('planted');
  };
  await harness.put(snapshot(1));
  await harness.until('the point in time', async () => (await overwritten(harness)).length === 1);
  await harness.untilQuietFreeze();
  await qemuIo(seen, 'write -P 0x22 0 16M');
  Reflect.deleteProperty(harness.objects, 'ensureBucket');
  await harness.restart();
  await harness.untilCompleted(snapshotId(1));
  assert.equal(await daemonPid(harness, VOLUME), pid);
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1), exportTo: NODE }));
  const restored = await harness.untilVolume(volumeId(2), (each) => each.export !== undefined);
  await qemuIo(restored, 'read -P 0x11 0 16M');
});

test('a point in time that was lost under a writable volume fails the snapshot', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 1M');
  const upload = holdUploads(harness);
  await harness.put(snapshot(1));
  await upload.reached;
  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  upload.release();
  const failed = await harness.untilSnapshot(snapshotId(1), (each) => each.state !== 'pending');
  assert.equal(failed.state, 'failed');
  assert.match(failed.reason ?? '', /point in time was lost/);
  await harness.untilQuiet();
  assert.deepEqual(await overwritten(harness), []);
  assert.deepEqual(harness.objectKeys(), []);
});

test('unexport cuts off whoever has the volume open, also while a snapshot is read', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 16M');
  const upload = holdUploads(harness);
  await harness.put(snapshot(1));
  await upload.reached;
  await harness.put(volume(1, { generation: 2 }));
  await harness.untilVolume(VOLUME, (e) => e.export === undefined && e.generation === 2);
  await assert.rejects(qemuIo(seen, 'read 0 4k'), /No such file|Failed to connect/);
  upload.release();
  await harness.untilCompleted(snapshotId(1));
  await harness.until('the target to end', async () => (await harness.files()).length === 1);
  assert.deepEqual(await harness.files(), [`volumes/${VOLUME}.raw`]);
});

test('down ends the targets, and the next start exports again', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 1M');
  const pid = await daemonPid(harness, VOLUME);
  await harness.storage.halt();
  await assert.rejects(readFile(`/proc/${pid}/environ`));
  assert.deepEqual(await harness.files(), [`volumes/${VOLUME}.raw`]);
  await harness.restart();
  await harness.untilDone(seen, 'read -P 0x11 0 1M');
});

test('a daemon that hangs holds up neither a start nor other volumes', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  const pid = await daemonPid(harness, VOLUME);
  process.kill(pid, 'SIGSTOP');
  try {
    await harness.restart();
    await harness.put(volume(2, { exportTo: NODE }));
    const other = await harness.untilVolume(volumeId(2), (each) => each.export !== undefined);
    await qemuIo(other, 'read -P 0 0 1M');
    await harness.untilVolume(VOLUME, (each) => each.isAway === true);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const seen = await harness.untilVolume(VOLUME, (each) => each.isAway === undefined);
  await qemuIo(seen!, 'read -P 0 0 1M');
  assert.equal(await daemonPid(harness, VOLUME), pid);
});

test('a volume is deleted though its daemon hangs', async () => {
  await using harness = await Harness.start({ clock: hurriedClock(10) });
  await harness.put(volume(1, { exportTo: NODE }));
  await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  process.kill(await daemonPid(harness, VOLUME), 'SIGSTOP');
  await harness.put(volume(1, { generation: 2, desired: 'absent' }));
  await harness.untilVolume(VOLUME, (each) => each.state === 'absent');
  assert.deepEqual(await harness.files(), []);
});

test('a daemon whose pid file is lost is found all the same', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  const pid = await daemonPid(harness, VOLUME);
  await rm(join(harness.dataDir, 'run/processes', `${VOLUME}.pid`));
  await harness.restart();
  assert.equal(await daemonPid(harness, VOLUME), pid);
});

test('A28: a qcow2 header that a guest writes to a volume is data, also after the target starts again', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  const header = join(harness.root, 'header.qcow2');
  const backing = ['-b', '/etc/passwd', '-F', 'raw'];
  await systemCommands.run('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, header, '1G']);
  await qemuIo(seen, `write -s ${header} 0 64k`);
  await harness.storage.halt();
  await harness.restart();
  await harness.untilDone(seen, 'read 0 16M');
  await assert.rejects(qemuIo(seen, 'read 16M 4k'), /beyond|past|Input\/output|Invalid/i);
});

test('the daemon has no privileges and a user of its own', { skip: !isRoot }, async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  const status = await readFile(`/proc/${await daemonPid(harness, VOLUME)}/status`, 'utf8');
  assert.match(status, /^CapEff:\t0+$/m);
  assert.match(status, /^CapBnd:\t0+$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  const [uid] = /^Uid:\t(\d+)/m.exec(status)!.slice(1);
  assert.ok(Number(uid) >= 1_880_000_000 && Number(uid) < 1_900_000_000, `uid ${uid}`);
});

function overwritten(harness: Harness): Promise<string[]> {
  return readdir(join(harness.dataDir, 'overwritten'));
}

function randomWrites(seed: number, sizeBytes: number): string[] {
  const random = seededRandom(seed);
  return Array.from({ length: 600 }, () => {
    const length = 512 * (1 + Math.floor(random.fraction() * 400));
    const offset = 512 * Math.floor(random.fraction() * ((sizeBytes - length) / 512));
    return random.fraction() < 0.2
      ? `write -z ${offset} ${length}`
      : `write -P 0x33 ${offset} ${length}`;
  });
}
