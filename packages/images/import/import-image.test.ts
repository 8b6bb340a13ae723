import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { missingPrograms } from '../testing/requirements.ts';
import { importImage } from './import-image.ts';
import { inspectImage } from './inspect-image.ts';

const skip = await missingPrograms(['qemu-img', 'prlimit', 'setpriv']);

describe('importing a disk', { skip }, () => {
  let folder: string;
  const contents = Buffer.alloc(3 * MIB, 'ironbark');
  const at = (name: string) => join(folder, name);
  const qemuImg = (...args: string[]) => systemCommands.run('qemu-img', args, { cwd: folder });
  const take = (path: string, name = 'mine') =>
    importImage(
      { workDir: at('work'), commands: systemCommands, clock: systemClock, logger: silentLogger },
      { path, name, loginUser: 'me' },
    );
  const isRefused = (sentence: RegExp) => (error: unknown) =>
    isServiceError(error) && sentence.test(error.message);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ironbark-import-test-'));
    await writeFile(at('disk.raw'), contents);
    await qemuImg('convert', '-f', 'raw', '-O', 'qcow2', '-c', 'disk.raw', 'disk.qcow2');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('gives the same disk from raw and from compressed qcow2', async () => {
    for (const source of ['disk.raw', 'disk.qcow2']) {
      const image = await take(at(source));
      assert.deepEqual(await readFile(image.files.root), contents, source);
      assert.equal(image.manifest.rootDiskBytes, 1 * GIB);
      assert.equal(image.manifest.loginUser, 'me');
      assert.equal(image.files.kernel, undefined);
    }
  });

  test('reads what the other compressions and cluster sizes of qemu-img look like', async () => {
    for (const choice of [
      'compression_type=zstd',
      'cluster_size=4k',
      'compat=0.10',
      'lazy_refcounts=on',
    ]) {
      await qemuImg('convert', '-f', 'raw', '-O', 'qcow2', '-o', choice, 'disk.raw', 'other.qcow2');
      assert.equal((await inspectImage(at('other.qcow2'))).virtualBytes, contents.length, choice);
    }
  });

  test('A27: refuses what reads other files of the host (backing file, data file), and leaves nothing behind', async () => {
    await writeFile(at('secret'), contents);
    await qemuImg('create', '-f', 'qcow2', '-b', 'secret', '-F', 'raw', 'backed.qcow2');
    await qemuImg('create', '-f', 'qcow2', '-o', 'data_file=out.raw', 'split.qcow2', '3M');
    const kept = await readdir(at('work/imports'));
    await assert.rejects(take(at('backed.qcow2')), isRefused(/backing file/));
    await assert.rejects(take(at('split.qcow2')), isRefused(/another file/));
    assert.deepEqual(await readdir(at('work/imports')), kept);
  });

  test('A27: refuses VMDK and what else is no raw disk though it has no qcow2 header', async () => {
    for (const format of ['vmdk', 'vdi', 'vhdx', 'vpc', 'qed', 'luks']) {
      const extra =
        format === 'luks'
          ? ['--object', 'secret,id=s,data=x', '-o', 'key-secret=s,iter-time=10']
          : [];
      await qemuImg('create', '-f', format, ...extra, 'foreign', '16M');
      await assert.rejects(
        inspectImage(at('foreign')),
        isRefused(/raw and qcow2 files only/),
        format,
      );
      await rm(at('foreign'));
    }
    await writeFile(at('uneven'), 'x'.repeat(1000));
    await assert.rejects(inspectImage(at('uneven')), isRefused(/multiple of 512/));
    await assert.rejects(inspectImage('/dev/null'), isRefused(/regular files/));
    await assert.rejects(inspectImage(at('absent')), isRefused(/no readable file/));
  });

  test('A29: refuses giants, sparse or declared', async () => {
    await writeFile(at('giant.raw'), '');
    await truncate(at('giant.raw'), 129 * GIB);
    await qemuImg('create', '-f', 'qcow2', 'giant.qcow2', '129G');
    for (const name of ['giant.raw', 'giant.qcow2']) {
      await assert.rejects(inspectImage(at(name)), isRefused(/limit of 128 GiB/), name);
    }
  });

  test('a damaged body ends in a refusal and leaves nothing behind', async () => {
    const bytes = await readFile(at('disk.qcow2'));
    bytes.fill(0xff, 0x30000, 0x30008); // the first entry of the first-level table
    await writeFile(at('damaged.qcow2'), bytes);
    const kept = await readdir(at('work/imports'));
    await assert.rejects(take(at('damaged.qcow2')), isRefused(/could not be converted/));
    assert.deepEqual(await readdir(at('work/imports')), kept);
  });

  test('refuses what is not what it was said to be', async () => {
    const context = { workDir: at('work'), commands: systemCommands, clock: systemClock };
    for (const [file, format] of [
      ['disk.qcow2', 'raw'],
      ['disk.raw', 'qcow2'],
    ] as const) {
      const request = { path: at(file), name: 'mine', format };
      await assert.rejects(
        importImage({ ...context, logger: silentLogger }, request),
        isRefused(new RegExp(`not ${format}`)),
      );
    }
  });

  test('A30: refuses names that would be a path', async () => {
    await assert.rejects(take(at('disk.raw'), '../../etc'), isRefused(/image name/));
  });
});
