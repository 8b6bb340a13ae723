import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { processesNaming } from '../support/host-snapshot.ts';
import { PowerCutDisk, whyNoPowerCuts } from '../support/power-cut/power-cut-disk.ts';
import { type CutMode, SECTOR_BYTES, VolatileDisk } from '../support/power-cut/volatile-disk.ts';

const skip = (await whyNoPowerCuts()) ?? false;

/** Writes every sector of a small disk as `a`, flushes, writes them as `b` and cuts; gives the bytes that are left. */
async function cutSmallDisk(seed: number, mode: CutMode, isBackwards = false): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-volatile-'));
  try {
    const imagePath = join(folder, 'image');
    const sizeBytes = 64 * KIB;
    await writeFile(imagePath, Buffer.alloc(sizeBytes));
    using disk = new VolatileDisk({ imagePath, sizeBytes, seed });
    disk.write(0, Buffer.alloc(sizeBytes, 'a'));
    disk.flush();
    const sectors = Array.from({ length: sizeBytes / SECTOR_BYTES }, (_, sector) => sector);
    for (const sector of isBackwards ? sectors.toReversed() : sectors) {
      disk.write(sector * SECTOR_BYTES, Buffer.alloc(SECTOR_BYTES, 'b'));
    }
    assert.equal(disk.read(SECTOR_BYTES, SECTOR_BYTES).toString('latin1')[0], 'b');
    const { unflushed, survived } = disk.cut(mode);
    const left = (await readFile(imagePath, 'latin1')).replaceAll(/(.)\1{511}/g, '$1');
    assert.equal(unflushed, sizeBytes / SECTOR_BYTES);
    assert.equal(survived, left.replaceAll('a', '').length);
    assert.equal(
      disk
        .read(0, sizeBytes)
        .toString('latin1')
        .replaceAll(/(.)\1{511}/g, '$1'),
      left,
    );
    return left;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a cut keeps what was flushed and, of the rest, what the seed chooses, sector by sector', async () => {
  assert.match(await cutSmallDisk(1, 'drop-all'), /^a{128}$/);
  const torn = await cutSmallDisk(2, 'torn');
  assert.match(torn, /^[ab]{128}$/);
  assert.ok(torn.includes('a') && torn.includes('b'), torn);
  assert.notEqual(await cutSmallDisk(3, 'torn'), torn);
});

test('with the same seed the same sectors survive, whatever the order of their writes', async () => {
  for (const seed of [4, 5, 6]) {
    const torn = await cutSmallDisk(seed, 'torn');
    assert.equal(await cutSmallDisk(seed, 'torn'), torn);
    assert.equal(await cutSmallDisk(seed, 'torn', true), torn);
  }
});

test('after a cut the synced file is there and the other one is not', { skip }, async () => {
  await using disk = await PowerCutDisk.create({ seed: 1 });
  {
    await using kept = await open(join(disk.mountPath, 'kept'), 'w');
    await kept.writeFile('kept');
    await kept.sync();
  }
  await writeFile(join(disk.mountPath, 'lost'), 'lost');
  await disk.cut({ mode: 'drop-all' });
  await using late = await open(join(disk.mountPath, 'kept'), 'r+');
  await late.write('late');
  await assert.rejects(late.sync(), { code: 'EIO' });
  await late.close();
  await disk.remount();
  assert.deepEqual(await readdir(disk.mountPath), ['kept', 'lost+found']);
  assert.equal(await readFile(join(disk.mountPath, 'kept'), 'utf8'), 'kept');
  assert.equal(await disk.complaints(), '');
});

test('the power goes at the request that was chosen', { skip }, async () => {
  await using disk = await PowerCutDisk.create({ seed: 1 });
  const path = join(disk.mountPath, 'file');
  await disk.cutAfterRequests({ afterRequests: 10, mode: 'drop-all' });
  let synced = 0;
  const writeOn = async () => {
    for (;;) {
      await using handle = await open(path, 'w');
      await handle.writeFile(String(synced));
      await handle.sync();
      synced += 1;
    }
  };
  await assert.rejects(writeOn());
  assert.ok((await disk.whenCut()).unflushed >= 0);
  assert.ok(synced > 0 && synced < 10, `${synced} synced`);
});

async function leftBehind(folder: string): Promise<string[]> {
  const loops = (await systemCommands.run('losetup', ['-a'])).stdout.split('\n');
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
  const folders = (await readdir(tmpdir())).map((name) => join(tmpdir(), name));
  const lines = [...loops, ...mounts, ...folders, ...processesNaming(folder)];
  return lines.filter((line) => line.includes(folder));
}

test('nothing is left behind, also when the power is off', { skip }, async () => {
  let folder = '';
  {
    await using disk = await PowerCutDisk.create({ seed: 1 });
    folder = disk.scratchPath;
    assert.ok((await leftBehind(folder)).length > 3);
    await disk.cut();
  }
  assert.deepEqual(await leftBehind(folder), []);
});

/** Makes a disk, keeps a file open on it, says where it is, and waits to be killed. */
const OWNER = `
  import { openSync } from 'node:fs';
  import { PowerCutDisk } from '${import.meta.dirname}/../support/power-cut/power-cut-disk.ts';
  const disk = await PowerCutDisk.create({ seed: 1 });
  openSync(disk.mountPath + '/open', 'w');
  process.send(disk.scratchPath);
`;

test('nothing is left behind by a test that is killed', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-owner-'));
  t.after(() => rm(folder, { recursive: true }));
  const script = join(folder, 'owner.ts');
  await writeFile(script, OWNER);
  const owner = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  const [disk] = (await once(owner, 'message')) as [string];
  owner.kill('SIGKILL');
  const isGone = async () => (await leftBehind(disk)).length === 0;
  await waitFor(isGone, { clock: systemClock, timeoutMs: 10_000, what: 'the disk to be gone' });
});
