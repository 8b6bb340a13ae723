import assert from 'node:assert/strict';
import { cp, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Objects } from '../main.ts';
import { startAlone } from '../testing/start-alone.ts';

const bucket = 'kept';
const STATE = ['objects.sqlite', 'objects.sqlite-wal'];

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-journaled-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

function put(objects: Objects, key: string, text: string) {
  return objects.client.putObject({ bucket, key, body: Buffer.from(text) });
}

async function read(objects: Objects, key: string): Promise<string | undefined> {
  try {
    const { body } = await objects.client.getObject({ bucket, key });
    return Buffer.concat(await body.toArray()).toString();
  } catch (error) {
    if ((error as { kind?: string }).kind === 'not-found') return undefined;
    throw error;
  }
}

/** Does `work` while Walrus runs, and takes the state back to what it was before. */
async function loseState(folder: string, work: (objects: Objects) => Promise<void>) {
  const dataDir = join(folder, 'data');
  await using objects = await startAlone(dataDir);
  await objects.client.ensureBucket(bucket);
  await put(objects, 'first', 'old');
  for (const name of STATE) await cp(join(dataDir, name), join(folder, name));
  await work(objects);
  await objects[Symbol.asyncDispose]();
  for (const name of STATE) await cp(join(folder, name), join(dataDir, name));
  return dataDir;
}

test('small objects whose rows never reached the disk are there after the next start', async (t) => {
  const dataDir = await loseState(await makeFolder(t), async (objects) => {
    await put(objects, 'first', 'new');
    await Promise.all(Array.from({ length: 10 }, (_, n) => put(objects, `k${n}`, `value ${n}`)));
  });
  for (let start = 0; start < 2; start++) {
    await using objects = await startAlone(dataDir);
    assert.equal(await read(objects, 'first'), 'new');
    for (let n = 0; n < 10; n++) assert.equal(await read(objects, `k${n}`), `value ${n}`);
  }
});

test('a group of which a byte is missing in the log is not there, and all before it is', async (t) => {
  const dataDir = await loseState(await makeFolder(t), async (objects) => {
    await put(objects, 'second', 'whole');
    await put(objects, 'first', 'torn');
  });
  const [name] = await readdir(join(dataDir, 'log'));
  await using file = await open(join(dataDir, 'log', name!), 'r+');
  const at = (await file.readFile()).lastIndexOf('torn');
  await file.write('T', at);
  await using objects = await startAlone(dataDir);
  assert.equal(await read(objects, 'second'), 'whole');
  assert.equal(await read(objects, 'first'), 'old');
});

test('a state that comes without a log, as one that is restored with no small objects, starts', async (t) => {
  const dataDir = await loseState(await makeFolder(t), async () => {});
  await rm(join(dataDir, 'log'), { recursive: true });
  await using objects = await startAlone(dataDir);
  await put(objects, 'second', 'new');
  assert.equal(await read(objects, 'second'), 'new');
});
