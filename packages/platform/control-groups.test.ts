// Owns the tests of control groups: what is found on hosts of either version, and the groups of this host.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { systemCommands } from './commands.ts';
import {
  type Controller,
  findControllers,
  openControlGroups,
  renderLimit,
  useControllers,
} from './control-groups.ts';
import { endProcess, findProcess } from './processes.ts';

const LIMITS = { memoryBytes: 300 * 2 ** 20, vcpus: 2, processes: 50 };
const isRoot = process.getuid?.() === 0;

test('controllers are found on hosts of either version', () => {
  const v1 = [
    '30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct',
    '31 25 0:27 /box /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory',
    '32 25 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
    '33 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
  ].join('\n');
  const own = '9:pids:/user\n4:memory:/box/mine\n2:cpu,cpuacct:/\n0::/user.slice';
  assert.deepEqual(findControllers(v1, own), [
    { name: 'memory', version: 1, parent: '/sys/fs/cgroup/memory/mine' },
    { name: 'cpu', version: 1, parent: '/sys/fs/cgroup/cpu,cpuacct' },
    { name: 'pids', version: 1, parent: '/sys/fs/cgroup/pids/user' },
  ]);
  const v2 = '24 22 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';
  const parents = findControllers(v2, '0::/user.slice/session-1.scope').map((c) => c.parent);
  assert.deepEqual(parents, ['/sys/fs/cgroup', '/sys/fs/cgroup', '/sys/fs/cgroup']);
  assert.deepEqual(findControllers('', ''), []);
});

test('each version has its own files and scales', () => {
  const rendered = (['memory', 'cpu', 'pids'] as const).flatMap((name) =>
    ([1, 2] as const).map((version) => renderLimit({ name, version }, LIMITS)),
  );
  assert.deepEqual(rendered, [
    { file: 'memory.limit_in_bytes', value: 314_572_800 },
    { file: 'memory.max', value: 314_572_800 },
    { file: 'cpu.shares', value: 2048 },
    { file: 'cpu.weight', value: 200 },
    { file: 'pids.max', value: 50 },
    { file: 'pids.max', value: 50 },
  ]);
  assert.equal(renderLimit({ name: 'cpu', version: 2 }, { ...LIMITS, vcpus: 512 }).value, 10_000);
});

test('on a host of version 2 controllers are handed down from the top', async () => {
  const top = await mkdtemp(join(tmpdir(), 'ironbark-cgroup-'));
  try {
    // A folder stands for the kernel's: files of groups appear when they are written.
    await writeFile(join(top, 'cgroup.subtree_control'), 'memory pids');
    const controllers = (['memory', 'cpu', 'pids'] as const).map(
      (name): Controller => ({ name, version: 2, parent: top }),
    );
    const groups = await useControllers('ironbark-test', controllers, systemClock);
    await mkdir(join(top, 'ironbark-test'), { recursive: true });
    assert.deepEqual(await groups.limit('i-1', 77, LIMITS), [join(top, 'ironbark-test/i-1')]);
    const read = (name: string) => readFile(join(top, name), 'utf8');
    assert.match(await read('cgroup.subtree_control'), /^\+(cpu|pids)$/);
    assert.match(await read('ironbark-test/cgroup.subtree_control'), /^\+/);
    assert.equal(await read('ironbark-test/i-1/memory.max'), '314572800');
    assert.equal(await read('ironbark-test/i-1/cpu.weight'), '200');
    assert.equal(await read('ironbark-test/i-1/cgroup.procs'), '77');
  } finally {
    await rm(top, { recursive: true });
  }
});

test('a host without control groups is used, and says what it lacks', async () => {
  const none = await useControllers('ironbark-test', [], systemClock);
  assert.match(none.missing ?? '', /no control group for memory, cpu, pids/);
  assert.deepEqual(await none.limit('i-1', 1, LIMITS), []);
  const parent = '/proc/self';
  const closed = (['memory', 'cpu', 'pids'] as const).map(
    (name): Controller => ({ name, version: 1, parent }),
  );
  const refused = await useControllers('ironbark-test', closed, systemClock);
  assert.match(refused.missing ?? '', /may not be made here/);
});

test('a process is limited, and its group goes with it', {
  skip: isRoot ? false : 'needs root to make groups',
}, async (t) => {
  const groups = await openControlGroups(`ironbark-test-${process.pid}`, systemClock);
  if (groups.missing !== undefined) return t.skip(groups.missing);
  const { pid } = await systemCommands.startDetached('sleep', ['60'], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  try {
    const folders = await groups.limit('i-1', pid, LIMITS);
    assert.deepEqual(await groups.limit('i-1', pid, LIMITS), folders, 'repeats');
    for (const folder of folders) {
      assert.match(
        await readFile(join(folder, 'cgroup.procs'), 'utf8'),
        new RegExp(`^${pid}$`, 'm'),
      );
    }
    await groups.sweep();
    assert.ok(
      folders.every((folder) => existsSync(folder)),
      'a group in use stays',
    );
    await endProcess((await findProcess(pid))!, { clock: systemClock, graceMs: 1_000 });
    await groups.remove('i-1');
    for (const folder of folders) {
      assert.ok(!existsSync(folder), folder);
      assert.ok(!(await readdir(join(folder, '../..'))).includes(`ironbark-test-${process.pid}`));
    }
  } finally {
    const left = await findProcess(pid);
    if (left !== undefined) await endProcess(left, { clock: systemClock, graceMs: 0 });
  }
});
