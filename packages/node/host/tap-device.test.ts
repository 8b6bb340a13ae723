import assert from 'node:assert/strict';
import { existsSync, fstatSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { openTap } from './tap-device.ts';

const ROOT = process.getuid?.() === 0 && existsSync('/dev/net/tun');
const skip = ROOT ? false : 'SKIPPED: needs root and /dev/net/tun';

async function withTap(
  flags: string[],
  body: (name: string) => void | Promise<void>,
): Promise<void> {
  const name = `ibtest${process.pid}`.slice(0, 15);
  await systemCommands.run('ip', ['tuntap', 'add', name, 'mode', 'tap', 'vnet_hdr', ...flags]);
  try {
    await body(name);
  } finally {
    await systemCommands.run('ip', ['link', 'delete', name]);
  }
}

test('an opened tap has a carrier, and keeps existing when it is closed', { skip }, async () => {
  await withTap([], async (name) => {
    await systemCommands.run('ip', ['link', 'set', name, 'up']);
    const carrier = () => readFileSync(`/sys/class/net/${name}/carrier`, 'utf8').trim();
    assert.equal(carrier(), '0');
    const tap = openTap(name, { queues: 1, vhost: false });
    assert.equal(tap.fds.length, 1);
    assert.deepEqual(tap.vhostFds, []);
    assert.equal(carrier(), '1');
    tap.close();
    assert.equal(carrier(), '0');
  });
});

test('a multi-queue tap gives one descriptor a queue', { skip }, async () => {
  await withTap(['multi_queue'], (name) => {
    const tap = openTap(name, { queues: 3, vhost: false });
    assert.equal(new Set(tap.fds).size, 3);
    tap.close();
    tap.close();
  });
});

test('a tap that is busy is refused with its error code and leaks nothing', { skip }, async () => {
  await withTap([], (name) => {
    const tap = openTap(name, { queues: 1, vhost: false });
    assert.throws(() => openTap(name, { queues: 1, vhost: false }), { code: 'EBUSY' });
    const [fd] = tap.fds as [number];
    tap.close();
    assert.throws(() => fstatSync(fd), { code: 'EBADF' });
  });
});

test('a tap that does not exist is refused, not made', { skip }, () => {
  assert.throws(() => openTap('ibnone', { queues: 1, vhost: false }), { code: 'ENOENT' });
  assert.equal(existsSync('/sys/class/net/ibnone'), false);
});

test('bad names and queue counts are refused before anything is opened', () => {
  assert.throws(() => openTap('', { queues: 1, vhost: false }), RangeError);
  assert.throws(() => openTap('sixteen-letters-', { queues: 1, vhost: false }), RangeError);
  assert.throws(() => openTap('ok', { queues: 0, vhost: false }), RangeError);
});
