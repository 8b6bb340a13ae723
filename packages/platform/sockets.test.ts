import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  grantSocketAccess,
  isListening,
  linkSocket,
  listenAt,
  readSecondName,
  readSocketAccess,
} from './sockets.ts';

const isRoot = process.getuid?.() === 0;

test('a socket is given away; links to it and files in its place are refused and left alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-sockets-'));
  const path = join(folder, 'a.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const uid = isRoot ? { uid: 54_321 } : {};
    await grantSocketAccess(path, { mode: 0o600, ...uid });
    const access = await readSocketAccess(path);
    assert.equal(access?.mode, 0o600);
    if (isRoot) assert.deepEqual([access.uid, access.gid], [54_321, 54_321]);

    const file = join(folder, 'file');
    await writeFile(file, 'x', { mode: 0o644 });
    for (const [name, target] of [
      ['to-file', file],
      ['to-socket', path],
    ] as const) {
      const planted = join(folder, name);
      await symlink(target, planted);
      await assert.rejects(grantSocketAccess(planted, { mode: 0o666, ...uid }), /is no socket/);
      assert.equal(await readSocketAccess(planted), undefined);
    }
    await assert.rejects(grantSocketAccess(file, { mode: 0o666 }), /is no socket/);
    assert.equal((await stat(file)).mode & 0o777, 0o644);
    assert.equal((await readSocketAccess(path))?.mode, 0o600);
    const absent = join(folder, 'absent');
    await assert.rejects(grantSocketAccess(absent, { mode: 0o600 }), { code: 'ENOENT' });
  } finally {
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  }
});

test('a second name leads to a socket; what is none is refused, and the name stays as it was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-sockets-'));
  const path = join(folder, 'own');
  const name = join(folder, 'name');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    await linkSocket(path, name);
    await linkSocket(path, name);
    assert.equal((await stat(name)).ino, (await stat(path)).ino);
    await symlink('/etc/shadow', join(folder, 'planted'));
    await assert.rejects(linkSocket(join(folder, 'planted'), name), /is no socket/);
    assert.equal((await stat(name)).ino, (await stat(path)).ino);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});

test('a path too long for a socket’s name is listened at, and what was left there replaced', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-sockets-'));
  const deep = join(folder, 'a-folder-with-a-long-name'.repeat(5));
  await mkdir(deep);
  try {
    for (const path of [join(folder, 'short'), join(deep, 'long')]) {
      const second = join(folder, 'second');
      await writeFile(path, 'left behind');
      const server = createServer();
      const place = await listenAt(server, path);
      assert.equal(await isListening(path), true);
      await linkSocket(path, second);
      assert.equal(await readSecondName(path, second), 'same');
      await new Promise((resolve) => server.close(resolve));
      await place?.close();
      assert.equal(await readSocketAccess(path), undefined);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a second name is told from one that leads to what served before, and from none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-sockets-'));
  const path = join(folder, 'own');
  const name = join(folder, 'name');
  const listen = async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return server;
  };
  const first = await listen();
  try {
    assert.equal(await readSecondName(path, name), 'absent');
    await linkSocket(path, name);
    assert.equal(await readSecondName(path, name), 'same');
    await new Promise((resolve) => first.close(resolve));
    assert.equal(await readSecondName(path, name), 'socket-gone');
    const second = await listen();
    assert.equal(await readSecondName(path, name), 'other');
    await new Promise((resolve) => second.close(resolve));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a socket is listened on, or left behind by somebody, or not there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-sockets-'));
  const path = join(folder, 'served.sock');
  try {
    assert.equal(await isListening(path), false);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    assert.equal(await isListening(path), true);
    // As a process leaves it that is killed: a name stays.
    await link(path, `${path}.left`);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await isListening(`${path}.left`), false);
    assert.equal(await isListening(join(folder, 'nowhere', 'x.sock')), false);
  } finally {
    await rm(folder, { recursive: true });
  }
});
