import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { Client } from 'pg';
import { errorCode, type S3Endpoint, startEndpoint } from '../conformance/s3/endpoint.ts';
import { postgresIsMissing } from '../support/postgres-server.ts';
import { SharedStores } from '../support/shared-stores.ts';

const skip = await postgresIsMissing();
const WAIT = { clock: systemClock, timeoutMs: 20_000 };
const BUCKET = '/shared';

let stores: SharedStores;
let settings: SharedSettings;
let one: S3Endpoint;
let other: S3Endpoint;

before(async () => {
  if (skip !== false) return;
  stores = await SharedStores.start();
  settings = await stores.newSettings();
  // Both at once: one of them makes the tables.
  [one, other] = await Promise.all([
    startEndpoint({ shared: settings }),
    startEndpoint({ shared: settings }),
  ]);
  assert.equal((await one.send({ method: 'PUT', path: BUCKET })).status, 200);
});

after(async () => {
  if (skip !== false) return;
  for (const each of [one, other, stores]) await each[Symbol.asyncDispose]();
});

const put = (at: S3Endpoint, key: string, body: string | Uint8Array<ArrayBuffer>, headers = {}) =>
  at.send({ method: 'PUT', path: `${BUCKET}/${key}`, body, headers });

const get = (at: S3Endpoint, key: string) => at.send({ path: `${BUCKET}/${key}` });

test('what one gateway has answered every other gives, lists and removes', { skip }, async () => {
  for (const size of [0, 4_000, 3 * MIB + 7]) {
    const body = new Uint8Array(systemRandom.bytes(size));
    assert.equal((await put(one, 'both', body)).status, 200);
    const answer = await get(other, 'both');
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), Buffer.from(body));
  }
  const path = `${BUCKET}/both`;
  assert.equal((await other.send({ method: 'DELETE', path })).status, 204);
  assert.equal((await get(one, 'both')).status, 404);
  await one.settled();
  assert.deepEqual(await one.blobFiles(), []);
});

test('of many that create a key at both gateways one wins', { skip }, async () => {
  const attempts = Array.from({ length: 12 }, async (_, n) => {
    const at = n % 2 === 0 ? one : other;
    const { status } = await put(at, 'once', `from ${n}`, { 'if-none-match': '*' });
    return { n, status };
  });
  const answers = await Promise.all(attempts);
  const won = answers.filter(({ status }) => status === 200);
  assert.equal(won.length, 1, JSON.stringify(answers));
  assert.ok(answers.every(({ status }) => status === 200 || status === 412));
  assert.equal(await (await get(other, 'once')).text(), `from ${won[0]!.n}`);
});

test('an object that another gateway removes is read to its end', { skip }, async () => {
  const parts = 3;
  const part = new Uint8Array(systemRandom.bytes(5 * MIB));
  await putInParts('long', part, parts);
  await one.settled();
  const blobs = (await one.blobFiles()).length;
  // Parts behind the first one are asked for when it is out.
  const answer = await get(one, 'long');
  const reader = answer.body!.getReader();
  let length = (await reader.read()).value!.length;
  const path = `${BUCKET}/long`;
  assert.equal((await other.send({ method: 'DELETE', path })).status, 204);
  const isOlder = await beatsPassed(5);
  assert.ok(isOlder);
  assert.equal((await one.blobFiles()).length, blobs, 'nothing of it is removed while it is read');
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
  }
  assert.equal(length, parts * part.length);
  await waitFor(async () => (await one.blobFiles()).length === blobs - parts, {
    ...{ ...WAIT, what: 'its blobs to be removed' },
  });
});

async function putInParts(key: string, part: Uint8Array<ArrayBuffer>, count: number) {
  const path = `${BUCKET}/${key}`;
  const begun = await (await one.send({ method: 'POST', path: `${path}?uploads=` })).text();
  const id = /<UploadId>(.*?)</.exec(begun)![1];
  const etags: string[] = [];
  for (let n = 1; n <= count; n++) {
    const at = n % 2 === 0 ? other : one;
    const partPath = `${path}?partNumber=${n}&uploadId=${id}`;
    const answer = await at.send({ method: 'PUT', path: partPath, body: part });
    etags.push(answer.headers.get('etag')!);
  }
  const list = etags.map(
    (etag, n) => `<Part><PartNumber>${n + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  const body = `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`;
  const done = await other.send({ method: 'POST', path: `${path}?uploadId=${id}`, body });
  assert.equal(done.status, 200, await done.text());
}

/** All gateways have been heard of so often from now on. */
async function beatsPassed(count: number): Promise<boolean> {
  const list = async () => {
    const rows = await ask<{ id: string; beat: string }>('SELECT id, beat FROM gateway');
    return new Map(rows.map(({ id, beat }) => [id, Number(beat)]));
  };
  const begun = await list();
  return await waitFor(
    async () => {
      const now = await list();
      return [...begun].every(([id, beat]) => (now.get(id) ?? 0) >= beat + count);
    },
    { ...WAIT, what: 'beats' },
  );
}

async function ask<Row extends object>(text: string, of = settings): Promise<Row[]> {
  const client = new Client(of.database);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

test('what a dead gateway left unfinished and doomed another removes', { skip }, async () => {
  await one.settled();
  const before = await one.blobFiles();
  const name = before[0]!.split('/')[0];
  for (const [n, state] of ['uploading', 'doomed'].entries()) {
    const id = `${n}`.repeat(32);
    await ask(
      `INSERT INTO blob (id, state, size_bytes, block_crcs, created_at, gateway_id) VALUES ('${id}', '${state}', 0, '', 0, 'dead')`,
    );
    await stores.walrus!.send({ method: 'PUT', path: `/blobs/${name}/${id}`, body: 'left over' });
  }
  const isAsBefore = async () => (await one.blobFiles()).join() === before.join();
  await waitFor(isAsBefore, { ...WAIT, timeoutMs: 60_000, what: 'the leftovers to be removed' });
});

test('who comes to lead removes what has no row, and nothing that others write', {
  skip,
}, async () => {
  const alone = await stores.newSettings();
  const left = (n: number) => String(n).repeat(32);
  const send = (method: string, path: string) =>
    stores.walrus!.send({ method, path, ...(method === 'PUT' ? { body: 'left over' } : {}) });
  let name = '';
  {
    await using first = await startEndpoint({ shared: alone });
    const rows = await ask<{ name: string }>('SELECT name FROM store_name', alone);
    name = `/blobs/${rows[0]!.name}`;
    // A gateway that lives, whatever it does.
    await ask("INSERT INTO gateway (id, beat, oldest_read) VALUES ('alive', 1, 1)", alone);
    await ask(
      `INSERT INTO blob (id, state, size_bytes, block_crcs, created_at, gateway_id) VALUES ('${left(3)}', 'uploading', 0, '', 0, 'alive')`,
      alone,
    );
    for (const n of [1, 2, 3]) await send('PUT', `${name}/${left(n)}`);
    for (const n of [3, 4]) await send('POST', `${name}/${left(n)}?uploads=`);
    await first.send({ method: 'PUT', path: '/kept' });
    await first.send({ method: 'PUT', path: '/kept/key', body: 'kept' });
  }
  const elsewhere = `/blobs/another/${left(5)}`;
  await send('PUT', elsewhere);
  await using second = await startEndpoint({ shared: alone });
  const uploads = async () => await (await send('GET', '/blobs?uploads=')).text();
  const isDone = async () =>
    (await second.blobFiles()).length === 2 && !(await uploads()).includes(left(4));
  await waitFor(isDone, { ...WAIT, what: 'the strays to be removed' });
  assert.equal((await send('GET', `${name}/${left(3)}`)).status, 200);
  assert.ok((await uploads()).includes(left(3)));
  assert.equal((await send('GET', elsewhere)).status, 200);
  assert.equal(await (await second.send({ path: '/kept/key' })).text(), 'kept');
  const [unfinished] = [...(await uploads()).matchAll(/<UploadId>(.*?)</g)];
  await send('DELETE', `${name}/${left(3)}?uploadId=${unfinished![1]}`);
});

test('a flipped byte in the engine is never given out', { skip }, async () => {
  const before = new Set(await one.blobFiles());
  await put(one, 'flipped', 'a sentence');
  const [key] = (await one.blobFiles()).filter((each) => !before.has(each));
  await stores.walrus!.send({ method: 'PUT', path: `/blobs/${key}`, body: 'a sentense' });
  const answer = await get(other, 'flipped');
  assert.equal(answer.status, 500);
  assert.equal(await errorCode(answer), 'InternalError');
});

test('an engine that is away, slow or full is an outage, and leaves nothing', {
  skip,
}, async () => {
  let status = 200;
  const engine = new URL(stores.walrus!.url);
  const proxy = createServer(async (request, response) => {
    const isBucket = request.url?.split('?')[0] === '/blobs';
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    response.writeHead(isBucket ? 200 : status).end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', () => resolve()));
  const { port } = proxy.address() as { port: number };
  const broken = { ...settings.engine, endpoint: `http://${engine.hostname}:${port}` };
  await using gateway = await startEndpoint({ shared: { ...settings, engine: broken } });
  try {
    for (const [failure, code] of [
      [500, 'ServiceUnavailable'],
      [503, 'SlowDown'],
      [507, 'InsufficientStorage'],
      [403, 'ServiceUnavailable'],
    ] as const) {
      status = failure;
      assert.equal(await errorCode(await put(gateway, 'away', 'x')), code);
      assert.equal(await errorCode(await get(gateway, 'once')), code);
    }
    const large = new Uint8Array(3 * MIB);
    assert.equal(await errorCode(await put(gateway, 'away', large)), 'ServiceUnavailable');
  } finally {
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  }
  assert.equal(await errorCode(await put(gateway, 'away', 'x')), 'ServiceUnavailable');
  assert.equal((await get(one, 'away')).status, 404);
});

test('bytes whose number nobody has said go in parts, and come back', { skip }, async () => {
  const body = systemRandom.bytes(17 * MIB + 3);
  const form = new FormData();
  form.set('key', 'by form');
  form.set('file', new Blob([new Uint8Array(body)]));
  await allowEverybody();
  const answer = await fetch(`${one.url}${BUCKET}`, { method: 'POST', body: form });
  assert.equal(answer.status, 204, await answer.text());
  const found = await get(other, 'by%20form');
  assert.ok(Buffer.from(await found.arrayBuffer()).equals(body));
  const path = '/blobs?uploads=';
  assert.ok(!(await (await stores.walrus!.send({ path })).text()).includes('<Upload>'));
});

async function allowEverybody(): Promise<void> {
  const statement = { Effect: 'Allow', Principal: '*', Action: 's3:PutObject' };
  const policy = {
    Version: '2012-10-17',
    Statement: [{ ...statement, Resource: 'arn:aws:s3:::shared/*' }],
  };
  const body = JSON.stringify(policy);
  assert.equal((await one.send({ method: 'PUT', path: `${BUCKET}?policy=`, body })).status, 204);
}
