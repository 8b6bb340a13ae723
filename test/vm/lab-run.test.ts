// A run of the lab that loses its guest, or that is killed, in the middle of it.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { whyNoLabDisk } from '@ironbark/lab/disk/lab-requirements.ts';
import { selectRows } from '@ironbark/lab/matrix/select-rows.ts';
import { makeRunFolder, sweepRunFolders } from '@ironbark/lab/run/run-folder.ts';
import { runPaper } from '@ironbark/lab/run/run-paper.ts';
import { TESTBEDS } from '@ironbark/lab/testbeds.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists, listIfPresent } from '@ironbark/platform/files.ts';
import { findProcesses, findProcessIn, signalProcess } from '@ironbark/platform/processes.ts';
import { eventually, projectDir } from '../support/cloud-under-test.ts';
import { builtLabGuest } from '../support/lab-guest-files.ts';

const skip = (await whyNoLabDisk()) ?? false;

async function inScratch(work: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = await mkdtemp('/var/tmp/ironbark-runs-');
  try {
    await work(scratch);
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function findLoop(folder: string): Promise<string | undefined> {
  const { stdout: loops } = await systemCommands.run('losetup', ['--all']);
  return loops
    .split('\n')
    .find((line) => line.includes(folder))
    ?.split(':')[0];
}

/** Nothing of the host leads there any more. */
async function assertNothingLeft(folder: string): Promise<void> {
  const { stdout: loops } = await systemCommands.run('losetup', ['--all']);
  const mounts = await readFile('/proc/mounts', 'utf8');
  assert.ok(!loops.includes(folder) && !mounts.includes(folder), `${loops}${mounts}`);
  assert.deepEqual(await findProcesses((argument) => argument.includes(`${folder}/`)), []);
}

test('a guest that dies fails the rows it had left, and the finished ones stay', { skip }, () =>
  inScratch(async (parent) => {
    const files = await builtLabGuest();
    const folder = await makeRunFolder({ parent });
    const killGuest = async () => {
      const guest = await findProcessIn(join(folder, 'guest-0'));
      assert.ok(await signalProcess(guest!, 'SIGKILL'));
    };
    const { rows, failure } = await runPaper({
      ...{ commands: systemCommands, clock: systemClock, folder, sizeBytes: 8 * MIB, repeat: 1 },
      ...{ testbed: TESTBEDS.slow, seconds: 1, tools: files.tools },
      rows: selectRows({
        ...{ quick: true, workloads: ['dd'] },
        patterns: ['guest/local-disk/virtio-blk/threads'],
      }),
      guest: {
        ...({ accelerator: 'tcg', engine: 'threads' } as const),
        ...{ kernelPath: files.kernel, initrdPath: files.initrd },
      },
      signal: new AbortController().signal,
      onProgress: (text) => {
        // The host, the guest and the host again; then the same in the other direction.
        if (text.startsWith('5 of 6')) void killGuest();
      },
    });
    assert.equal(failure, undefined);
    assert.deepEqual(
      rows.map(({ vmm, mbps, reason }) => [vmm, mbps !== undefined, reason]),
      [
        ['none', true, undefined],
        ['none', true, undefined],
        ['emulation', true, undefined],
        ['emulation', false, 'The lab guest has ended.'],
      ],
    );
    await assertNothingLeft(folder);
  }),
);

test('what a run that was killed has left, the next one takes away', { skip }, () =>
  inScratch(async (scratch) => {
    await builtLabGuest();
    const words = ['--profile', 'paper', '--size', '64M', '--rows', 'none/local-disk*buffered'];
    const run = await systemCommands.startAttached(
      join(projectDir, 'ironbark'),
      ['lab', 'run', 'paper', '--quick', '--scratch', scratch, ...words],
      { cwd: '/', env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' } },
    );
    run.stdout.resume();
    run.stderr.resume();
    const device = await eventually('the run’s loop device', () => findLoop(scratch));
    const [name] = (await listIfPresent(scratch)).filter((each) =>
      each.startsWith('ironbark-lab-'),
    );
    const folder = join(scratch, name!);
    // The launcher becomes the program.
    run.kill('SIGKILL');
    await run.ended;
    const swept = await sweepRunFolders({
      ...{ commands: systemCommands, clock: systemClock, parent: scratch },
    });
    assert.deepEqual(
      swept.map((each) => basename(each)),
      [basename(folder)],
    );
    assert.equal(await exists(folder), false);
    await assertNothingLeft(folder);
    // Of a device whose file is gone the kernel shows no path.
    const { stdout: loops } = await systemCommands.run('losetup', ['--all']);
    assert.doesNotMatch(loops, new RegExp(`^${device}: .*\\(/\\)`, 'm'));
  }),
);
