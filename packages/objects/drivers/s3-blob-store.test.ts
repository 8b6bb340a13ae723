import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { OpenBlob, StoredBlob } from './blob-store.ts';
import { HashThreads } from './hash-threads.ts';
import { ensureEngineBucket, S3BlobStore } from './s3-blob-store.ts';
import { type EngineLimits, S3Engine } from './s3-engine.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const PATIENT: EngineLimits = {
  most: { reads: 2, uploads: 2, calls: 2, gathered: 1 },
  smallBytes: 64 * MIB,
  patienceMs: 60_000,
  gatherMs: 60_000,
  letGoMs: 60_000,
};

/** An engine that keeps what it is sent, where `answer` does not do something else first. */
async function startEngine(t: TestContext, limits: EngineLimits = PATIENT) {
  const kept = new Map<string, Buffer>();
  const engine: { answer: Answer | undefined } = { answer: undefined };
  const server = createServer(async (request, response) => {
    if (engine.answer !== undefined) return engine.answer(request, response);
    const path = request.url!;
    if (request.method === 'PUT') {
      const bytes = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
      kept.set(path, bytes);
      response.setHeader('etag', `"${createHash('md5').update(bytes).digest('hex')}"`);
    }
    response.end(request.method === 'GET' ? partOf(kept.get(path)!, request) : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  const keys = { region: 'local', accessKeyId: 'id', secretAccessKey: 'secret' };
  const settings = { endpoint: `http://127.0.0.1:${port}`, bucket: 'b', ...keys };
  const client = new S3Engine(settings, systemClock, limits);
  const hashing = new HashThreads();
  t.after(async () => {
    await hashing[Symbol.asyncDispose]();
    client[Symbol.dispose]();
    server.closeAllConnections();
    server.close();
  });
  return { engine, client, kept, store: new S3BlobStore(client, 'store', hashing) };
}

function partOf(bytes: Buffer, { headers }: IncomingMessage): Buffer {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  return from === undefined ? bytes : bytes.subarray(Number(from), Number(to) + 1);
}

let made = 0;

async function write(store: S3BlobStore, bytes: Uint8Array): Promise<StoredBlob> {
  made += 1;
  const id = made.toString(16).padStart(32, '0');
  const lengthBytes = bytes.length;
  return await store.write({ id, chunks: oneChunk(bytes), lengthBytes, maxBytes: lengthBytes });
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function begin(blob: OpenBlob, sizeBytes: number): AsyncIterator<Uint8Array> {
  return blob.read(0, sizeBytes - 1)[Symbol.asyncIterator]();
}

/** More than sockets between here and there keep. */
const BLOCKS = 12;

test('readers who take nothing hold up neither writing nor removing, and in the end no reader', async (t) => {
  const { store } = await startEngine(t, { ...PATIENT, letGoMs: 50 });
  const bytes = systemRandom.bytes(BLOCKS * MIB);
  const large = await write(store, bytes);
  await using blob = await store.open(large);
  const slow = Array.from({ length: 2 }, () => begin(blob, bytes.length));
  const begun = await Promise.all(slow.map((each) => each.next()));
  const small = await write(store, systemRandom.bytes(7));
  await store.remove(small.id);
  await write(store, systemRandom.bytes(2 * MIB));
  const whole = Buffer.concat(await Array.fromAsync(blob.read(0, bytes.length - 1)));
  assert.ok(whole.equals(bytes));
  for (const [n, each] of slow.entries()) {
    const pieces: Uint8Array[] = [begun[n]!.value];
    for (let next = await each.next(); !next.done; next = await each.next()) {
      pieces.push(next.value);
    }
    assert.ok(Buffer.concat(pieces).equals(bytes), 'a slow reader gets all of it');
  }
});

test('who gets no connection in time is told to slow down', async (t) => {
  const { store } = await startEngine(t, { ...PATIENT, patienceMs: 20 });
  const bytes = systemRandom.bytes(BLOCKS * MIB);
  const large = await write(store, bytes);
  await using blob = await store.open(large);
  const slow = Array.from({ length: 2 }, () => begin(blob, bytes.length));
  await Promise.all(slow.map((each) => each.next()));
  const late = begin(blob, bytes.length).next();
  await assert.rejects(late, (error) => isServiceError(error, 'throttled'));
  for (const each of slow) await each.return?.();
  const whole = Buffer.concat(await Array.fromAsync(blob.read(0, bytes.length - 1)));
  assert.ok(whole.equals(bytes));
});

test('an object of one block keeps no connection while its reader takes it', async (t) => {
  const { store } = await startEngine(t);
  const bytes = systemRandom.bytes(MIB);
  const written = await write(store, bytes);
  await using blob = await store.open(written);
  for (let n = 0; n < 5; n++) {
    const { value } = await begin(blob, bytes.length).next();
    assert.ok(Buffer.from(value).equals(bytes));
  }
});

test('a download is not given up while each opening brings a block of it', async (t) => {
  const { store, engine, kept } = await startEngine(t);
  const bytes = systemRandom.bytes(6 * MIB);
  const written = await write(store, bytes);
  let openings = 0;
  engine.answer = (request, response) => {
    openings += 1;
    const part = partOf(kept.get(request.url!)!, request);
    response.writeHead(200, { 'content-length': part.length });
    if (part.length <= MIB) response.end(part);
    else response.write(part.subarray(0, MIB + 1), () => response.destroy());
  };
  await using blob = await store.open(written);
  const whole = Buffer.concat(await Array.fromAsync(blob.read(0, bytes.length - 1)));
  assert.ok(whole.equals(bytes));
  assert.equal(openings, 6);
  // Without any it is an outage soon.
  engine.answer = (_request, response) => {
    openings += 1;
    response.writeHead(200, { 'content-length': bytes.length });
    response.write('x', () => response.destroy());
  };
  const cut = begin(blob, bytes.length).next();
  await assert.rejects(cut, (error) => isServiceError(error, 'unavailable'));
  assert.equal(openings, 9);
});

test('a large blob of which the engine has other bytes than it was sent is not kept', async (t) => {
  const { store, engine } = await startEngine(t);
  const bytes = systemRandom.bytes(2 * MIB);
  const other = createHash('md5').update('others').digest('hex');
  let headers: Record<string, string> = { etag: `"${other}"` };
  engine.answer = (request, response) => {
    request.resume();
    request.once('end', () => response.writeHead(200, headers).end());
  };
  const isOutage = (error: unknown) => isServiceError(error, 'unavailable');
  await assert.rejects(write(store, bytes), isOutage);
  // The same where who writes it has the digest already, and for bytes that are sealed on their way.
  const input = { lengthBytes: bytes.length, maxBytes: bytes.length };
  const known = async () => createHash('md5').update(bytes).digest();
  const id = 'c'.repeat(32);
  const first = store.write({ ...input, id, chunks: oneChunk(bytes), md5: known });
  await assert.rejects(first, isOutage);
  const seal = (plain: Uint8Array) => Buffer.from(plain.map((byte) => byte ^ 1));
  headers = { etag: createHash('md5').update(seal(bytes)).digest('hex') };
  await store.write({ ...input, id, chunks: oneChunk(bytes), seal });
  // No MD5 at all, as an engine says that encrypts by itself.
  headers = { etag: `"${other}"`, 'x-amz-server-side-encryption': 'aws:kms' };
  await write(store, bytes);
});

test('small bodies at an engine that stands still are read only as far as there is memory for them', async (t) => {
  const most = { smallBytes: MIB, patienceMs: 100 };
  const { store, engine } = await startEngine(t, { ...PATIENT, ...most });
  const stalled: ServerResponse[] = [];
  engine.answer = (request, response) => {
    request.resume();
    stalled.push(response);
  };
  let read = 0;
  async function* counted(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    read += bytes.length;
    yield bytes;
  }
  const lengthBytes = MIB / 8;
  const flood = Array.from({ length: 200 }, (_, n) => {
    const id = n.toString(16).padStart(32, 'e');
    const chunks = counted(Buffer.alloc(lengthBytes));
    return store.write({ id, chunks, lengthBytes, maxBytes: lengthBytes });
  });
  const outcomes = Promise.allSettled(flood);
  await waitFor(async () => stalled.length === 2, {
    clock: systemClock,
    timeoutMs: 5_000,
    what: 'it',
  });
  await assert.rejects(flood.at(-1)!, (error) => isServiceError(error, 'throttled'));
  assert.equal(read, MIB);
  engine.answer = undefined;
  for (const response of stalled) response.end();
  const failed = (await outcomes).filter(({ status }) => status === 'rejected');
  assert.ok(failed.length >= 192, `${failed.length} were told to slow down`);
  await write(store, systemRandom.bytes(lengthBytes));
});

test('an upload that the engine cuts off is an outage, whenever it is cut', async (t) => {
  const { store, engine } = await startEngine(t);
  engine.answer = (request) => {
    request.once('data', () => request.socket.resetAndDestroy());
  };
  const cut = write(store, systemRandom.bytes(BLOCKS * MIB));
  await assert.rejects(cut, (error) => isServiceError(error, 'unavailable'));
  engine.answer = (request) => void request.socket.resetAndDestroy();
  const refused = write(store, systemRandom.bytes(BLOCKS * MIB));
  await assert.rejects(refused, (error) => isServiceError(error, 'unavailable'));
});

test('a list of an engine that always begins anew has an end', async (t) => {
  const { store, engine } = await startEngine(t);
  let pages = 0;
  engine.answer = (_request, response) => {
    pages += 1;
    // The third one would go on for ever.
    if (pages > 2) response.writeHead(404);
    response.end(`<IsTruncated>true</IsTruncated><Key>store/${'0'.repeat(32)}</Key>`);
  };
  await assert.rejects(store.list('00'), (error) => isServiceError(error, 'unavailable'));
  assert.equal(pages, 2);
});

test('few uploads are gathered in memory at once; others are told to slow down', async (t) => {
  const { store, kept } = await startEngine(t, { ...PATIENT, patienceMs: 20 });
  const { promise: isTold, resolve: tell } = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield systemRandom.bytes(7);
    await isTold;
  }
  const unknown = { lengthBytes: undefined, maxBytes: MIB };
  const first = store.write({ id: 'a'.repeat(32), chunks: slow(), ...unknown });
  const input = { id: 'b'.repeat(32), chunks: oneChunk(systemRandom.bytes(7)), ...unknown };
  await assert.rejects(store.write(input), (error) => isServiceError(error, 'throttled'));
  tell();
  assert.equal((await first).sizeBytes, 7);
  assert.equal(kept.size, 1);
  const again = { ...input, chunks: oneChunk(systemRandom.bytes(7)) };
  assert.equal((await store.write(again)).sizeBytes, 7);
});

test('who sends a small body too slowly is told so, and what it held is there for others', async (t) => {
  const limits = { ...PATIENT, smallBytes: MIB, gatherMs: 100, patienceMs: 5_000 };
  const { store } = await startEngine(t, limits);
  async function* trickle() {
    yield Buffer.alloc(1);
    await new Promise(() => {});
  }
  const sizes = { lengthBytes: MIB, maxBytes: MIB };
  const slow = store.write({ id: 'e'.repeat(32), chunks: trickle(), ...sizes });
  const told = assert.rejects(slow, (error) => isServiceError(error, 'timeout'));
  await write(store, systemRandom.bytes(MIB));
  await told;
});

test('gateways that start together both find the bucket that one of them made', async (t) => {
  const { engine, client } = await startEngine(t);
  let isMade = false;
  let asked = 0;
  const begun = Promise.withResolvers<void>();
  engine.answer = async ({ method }, response) => {
    asked += 1;
    if (asked === 2) begun.resolve();
    const wasMade = isMade;
    if (asked <= 2) await begun.promise;
    else if (method === 'PUT') isMade = true;
    response.statusCode = method === 'PUT' ? (wasMade ? 409 : 200) : wasMade ? 200 : 404;
    response.end();
  };
  await Promise.all([ensureEngineBucket(client), ensureEngineBucket(client)]);
  assert.equal(asked, 5, 'two looked, two made it, the one that was refused looked again');
});

test("a bucket name that is someone else's is refused with what the engine said", async (t) => {
  const { engine, client } = await startEngine(t);
  engine.answer = ({ method }, response) => {
    response.statusCode = method === 'PUT' ? 409 : 404;
    response.end();
  };
  await assert.rejects(ensureEngineBucket(client), /PUT bucket: 409/);
});
