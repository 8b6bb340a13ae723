import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { type Commands, systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { choosePackages } from './apt-archive.ts';

const CHAIN = ['tool', 'lib', 'base'];

/** An apt that knows a chain of packages, of which the last may be left out. */
function fakeApt(length: number) {
  const asked: string[][] = [];
  const show = (name: string) => {
    const [next] = CHAIN.slice(CHAIN.indexOf(name) + 1, length);
    return [`Package: ${name}`, ...(next === undefined ? [] : [`Depends: ${next}`]), ''].join('\n');
  };
  const run: Commands['run'] = async (_file, args) => {
    const names = args.slice(args.indexOf('--') + 1);
    asked.push([...names]);
    const known = names.filter((name) => CHAIN.slice(0, length).includes(name));
    return { stdout: known.map(show).join('\n'), stderr: '', exitCode: 0 };
  };
  return { asked, commands: { ...systemCommands, run } };
}

test('apt is asked once for what it came to last time, and the choice is what apt says now', async () => {
  const workDir = await mkdtemp(join(tmpdir(), 'ironbark-apt-'));
  const choose = async (apt: ReturnType<typeof fakeApt>) => {
    const context = { workDir, commands: apt.commands, clock: systemClock, logger: silentLogger };
    const chosen = await choosePackages(context, { roots: ['tool'], skip: () => false });
    return chosen.map(({ name }) => name);
  };
  try {
    const first = fakeApt(3);
    assert.deepEqual(await choose(first), ['base', 'lib', 'tool']);
    assert.deepEqual(first.asked, [['tool'], ['lib'], ['base']]);
    const second = fakeApt(3);
    assert.deepEqual(await choose(second), ['base', 'lib', 'tool']);
    assert.deepEqual(second.asked, [['tool', 'base', 'lib']]);
    const shorter = fakeApt(2);
    assert.deepEqual(await choose(shorter), ['lib', 'tool']);
    assert.equal(shorter.asked.length, 1);
  } finally {
    await rm(workDir, { recursive: true });
  }
});
