import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemCommands } from './commands.ts';
import { asUser, CLEAN_ENVIRONMENT, confine } from './confinement.ts';

const isRoot = process.getuid?.() === 0;

test('a program has its own user and no capability; groups only where they are needed', () => {
  const { file, args } = confine(asUser(7), 'cat', ['x']);
  assert.equal(file, 'setpriv');
  for (const flag of ['--clear-groups', '--no-new-privs', '--bounding-set=-all']) {
    assert.ok(args.includes(flag), flag);
  }
  assert.deepEqual(args.slice(-2), ['cat', 'x']);
  const withGroups = confine(asUser(7, [108]), 'cat', []).args.join(' ');
  assert.match(withGroups, /--reuid 7 --regid 7 --groups 108/);
  assert.deepEqual(confine(asUser(undefined), 'cat', []).args, ['--no-new-privs', 'cat']);
});

test('the program that runs has what was said, and none of our environment', {
  skip: isRoot ? false : 'needs root to change users',
}, async () => {
  const { file, args } = confine(asUser(54_321, [108]), 'sh', ['-c', 'cat /proc/self/status; env']);
  const { stdout } = await systemCommands.run(file, args, { env: CLEAN_ENVIRONMENT });
  assert.match(stdout, /^Uid:\t54321\t54321\t54321\t54321$/m);
  assert.match(stdout, /^Gid:\t54321\t54321\t54321\t54321$/m);
  assert.match(stdout, /^Groups:\t108 ?$/m);
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    assert.match(stdout, new RegExp(`^${set}:\\t0+$`, 'm'));
  }
  assert.match(stdout, /^NoNewPrivs:\t1$/m);
  assert.doesNotMatch(stdout, /^HOME=/m);
});
