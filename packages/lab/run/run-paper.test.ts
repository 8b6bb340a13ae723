import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { SmallDisk } from '../../../test/support/small-disk.ts';
import { whyNoLabDisk } from '../disk/lab-requirements.ts';
import { selectRows } from '../matrix/select-rows.ts';
import { TESTBEDS } from '../testbeds.ts';
import type { RowResult } from './row-result.ts';
import { type LabRun, runPaper } from './run-paper.ts';

const skip = (await whyNoLabDisk()) ?? false;

/** Rows that need no guest, on a modelled disk of 25 MB/s; the host is looked at afterwards. */
async function run(
  patterns: readonly string[],
  options: {
    signal?: AbortSignal;
    onProgress?: (text: string) => void;
    isNative?: boolean;
    isInMemory?: boolean;
    isHeldAgainstHost?: boolean;
  } = {},
): Promise<RowResult[]> {
  return (await runOn('/var/tmp', patterns, options)).rows;
}

async function runOn(
  parent: string,
  patterns: readonly string[],
  options: Parameters<typeof run>[1] = {},
): Promise<LabRun> {
  const folder = await mkdtemp(join(parent, 'ironbark-lab-'));
  try {
    return await runPaper({
      ...{ commands: systemCommands, clock: systemClock, folder, sizeBytes: 8 * MIB, repeat: 1 },
      testbed: options.isNative === true ? TESTBEDS.native : TESTBEDS.slow,
      rows: selectRows({ quick: true, patterns, workloads: ['dd'] }),
      ...{ seconds: 1, tools: '/nowhere/tools', isInMemory: options.isInMemory === true },
      isHeldAgainstHost: options.isHeldAgainstHost !== false,
      guest: {
        ...{ accelerator: 'tcg', engine: 'threads' },
        ...{ kernelPath: '/nowhere/kernel', initrdPath: '/nowhere/initrd' },
      },
      signal: options.signal ?? new AbortController().signal,
      onProgress: options.onProgress ?? (() => {}),
    });
  } finally {
    const { stdout: loops } = await systemCommands.run('losetup', ['--all']);
    const mounts = await readFile('/proc/mounts', 'utf8');
    assert.ok(!loops.includes(folder) && !mounts.includes(folder), `${loops}${mounts}`);
    await rm(folder, { recursive: true });
    await assert.rejects(readFile(join(folder, 'local/bytes')));
  }
}

test('the host’s own rows have the modelled disk’s rate, as a device saw it', {
  skip,
}, async () => {
  const [write, read] = await run(['none/local-disk']);
  for (const row of [write!, read!]) {
    // A lower bound would measure the host.
    assert.ok(row.mbps! > 0 && row.mbps! < 27, JSON.stringify(row));
    assert.ok(row.requestSectors! >= 128 && row.utilisation! > 0.1, JSON.stringify(row));
    assert.ok(row.amplification! > 0.99, JSON.stringify(row));
    assert.deepEqual([row.ratio, row.reason, row.samples], [undefined, undefined, 1]);
  }
  assert.equal(write!.paper?.mbps, 111);
});

test('rows of the host that no guest’s is held against are measured beside those that one is', {
  skip,
}, async () => {
  const rows = await run(['none/local-disk/read', 'local-disk/virtio-blk/threads/direct/write']);
  const read = rows.filter(({ direction }) => direction === 'read');
  assert.deepEqual(
    read.map(({ vmm, mbps }) => [vmm, mbps !== undefined]),
    [['none', true]],
  );
});

test('rows that are held against each other alone bring none of the host’s', { skip }, async () => {
  const which = ['local-disk/virtio-blk/threads/direct/write'];
  const held = await run(which);
  const alone = await run(which, { isHeldAgainstHost: false });
  assert.deepEqual(
    [held, alone].map((rows) => rows.map(({ vmm }) => vmm)),
    [['none', 'emulation'], ['emulation']],
  );
});

test('a run that is ended keeps the rows it has', { skip }, async () => {
  const controller = new AbortController();
  const rows = await run(['none/local-disk'], {
    signal: controller.signal,
    onProgress: (text) => {
      if (text.startsWith('2 of 2')) controller.abort();
    },
  });
  assert.deepEqual(
    rows.map(({ mbps, reason }) => [mbps !== undefined, reason]),
    [
      [true, undefined],
      [false, 'The run was ended before this row.'],
    ],
  );
});

test('a disk without room for the run ends it, and it says so', { skip }, async () => {
  await using small = await SmallDisk.make(24 * MIB);
  await small.fill(4 * MIB);
  const { rows, failure } = await runOn(small.path, ['none/local-disk/write']);
  assert.deepEqual([rows[0]!.mbps, failure], [undefined, undefined]);
  assert.match(rows[0]!.reason!, /no space left|input\/output error/i);
});

test('a modelled disk in memory needs no room below, and leaves nothing mounted', {
  skip,
}, async () => {
  await using small = await SmallDisk.make(24 * MIB);
  await small.fill(4 * MIB);
  const { rows } = await runOn(small.path, ['none/local-disk/write'], { isInMemory: true });
  assert.ok(rows[0]!.mbps! > 0, rows[0]!.reason);
});

test('rows that this host cannot run say why, and a guest that does not start too', {
  skip,
}, async () => {
  const reasons = async (pattern: string, isNative = false) => {
    const rows = await run([pattern], { isNative });
    return rows.filter(({ vmm }) => vmm !== 'none').map(({ reason }) => reason);
  };
  assert.deepEqual(await reasons('local-disk/lsi53c895a/native/direct/write'), [
    'This host does not let QEMU use native.',
  ]);
  assert.match((await reasons('volume/virtio-blk', true))[0]!, /does not let QEMU/);
  assert.match((await reasons('volume-device/virtio-blk/threads', true))[0]!, /has no volume/);
  const [broken] = await reasons('local-disk/virtio-blk/threads/direct/write');
  assert.match(broken!, /guest did not start: .*\/nowhere\/kernel/);
});
