import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CloudConfig } from './cloud-config.ts';
import { checkSharedObjects, readSharedObjects } from './daemon/objects-source.ts';
import { keepConfig, objectsOf } from './decide-config.ts';
import { Problem } from './problem.ts';

const WHOLE = {
  objectsDatabase: 'postgres://u@127.0.0.1/objects',
  objectsEngine: 'http://127.0.0.1:7480',
  objectsBucket: 'blobs',
  objectsCredentials: '/etc/ironbark/objects',
};

test('half of where objects are is refused, with what is missing', () => {
  for (const name of Object.keys(WHOLE) as (keyof typeof WHOLE)[]) {
    const { [name]: _, ...half } = WHOLE;
    assert.throws(
      () => objectsOf(half, undefined),
      (error) => {
        assert.ok(error instanceof Problem);
        const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        assert.match(JSON.stringify(error), new RegExp(`add --${option}"`));
        return true;
      },
    );
  }
  assert.throws(() => objectsOf({ objectsRegion: 'here' }, undefined), Problem);
  assert.deepEqual(objectsOf({}, undefined), {});
});

test('objects may move, and what is not said again stays; files are not shared afterwards', () => {
  const { objects } = objectsOf(WHOLE, undefined);
  const moved = objectsOf({ objectsEngine: 'http://10.0.0.1' }, objects);
  assert.deepEqual(moved.objects, {
    database: WHOLE.objectsDatabase,
    engine: { ...objects!.engine, endpoint: 'http://10.0.0.1' },
  });
  const saved = { host: '127.0.0.1', port: 1 } as CloudConfig;
  assert.throws(() => keepConfig(saved, WHOLE), /objects in files/);
  assert.deepEqual(keepConfig({ ...saved, ...moved }, {}).objects, moved.objects);
});

async function credentials(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-credentials-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'credentials');
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

const KEYS = 'aws_access_key_id = id\naws_secret_access_key=se=cret \n';

test('keys and the database’s password come from a file that is closed to others', async (t) => {
  const path = await credentials(t, `[default]\n${KEYS}database_password = pass word\n`);
  const { objects } = objectsOf({ ...WHOLE, objectsCredentials: path }, undefined);
  const found = await readSharedObjects({ objects: objects! });
  assert.equal(found?.database.password, 'pass word');
  assert.deepEqual([found?.engine.accessKeyId, found?.engine.secretAccessKey], ['id', 'se=cret']);
  assert.equal(found?.engine.address, '127.0.0.1');
  await chmod(path, 0o640);
  await assert.rejects(readSharedObjects({ objects: objects! }), /others can read/);
});

test('a certificate is looked at for the name, whatever address it has', async (t) => {
  const path = await credentials(t, KEYS);
  for (const query of ['ssl=true', 'sslmode=verify-full']) {
    const objectsDatabase = `postgres://u@localhost/d?${query}`;
    const { objects } = objectsOf(
      { ...WHOLE, objectsCredentials: path, objectsDatabase },
      undefined,
    );
    const { database } = (await readSharedObjects({ objects: objects! }))!;
    assert.match(database.host!, /^(?:127\.0\.0\.1|::1)$/);
    assert.deepEqual(database.ssl, { servername: 'localhost' }, query);
  }
});

test('what cannot be used is said before there is a cloud', async (t) => {
  const path = await credentials(t, KEYS);
  const check = (more: Partial<typeof WHOLE>, isConfined = false) => {
    const { objects } = objectsOf({ ...WHOLE, objectsCredentials: path, ...more }, undefined);
    return checkSharedObjects(objects!, { isConfined });
  };
  await check({});
  await assert.rejects(check({ objectsCredentials: 'relative' }), /is no file/);
  const half = await credentials(t, 'aws_access_key_id = id\n');
  await assert.rejects(check({ objectsCredentials: half }), /not whole/);
  await assert.rejects(check({ objectsEngine: '10.0.0.1:7480' }), /no address of an object/);
  await assert.rejects(check({ objectsDatabase: 'mysql://u@h/d' }), /begins with postgres/);
  for (const secret of ['u:p@h/d', 'u@h/d?password=p', 'u@h/d?ssl=true&pass%77ord=p']) {
    const objectsDatabase = `postgres://${secret}`;
    await assert.rejects(check({ objectsDatabase }), /password does not/, secret);
  }
  const socket = { objectsDatabase: 'postgres://u@/d?host=/run/postgresql' };
  await check(socket);
  await assert.rejects(check(socket, true), /over a socket/);
  await assert.rejects(check({ objectsEngine: 'http://nowhere.invalid' }), /no address is known/);
});
