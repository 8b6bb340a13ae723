import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../clock.ts';
import { ByteStream } from './byte-stream.ts';
import { failingDisk } from './failing-disk.ts';
import { type NbdDisk, type NbdExports, serveNbd, type WritableDisk } from './server.ts';
import {
  checkHello,
  HELLO_BYTES,
  isOptionError,
  MAX_REQUEST_BYTES,
  NBD_COMMAND,
  NBD_ERROR,
  NBD_FORCE_UNIT_ACCESS,
  NBD_OPTION_REPLY,
  type NbdRequest,
  OPTION_REPLY_HEAD_BYTES,
  parseExportInfo,
  parseOptionReplyHead,
  parseReply,
  REPLY_BYTES,
  renderClientFlags,
  renderGo,
  renderRequest,
} from './wire.ts';

const SIZE = 64 * 1024;

function memoryDisk(log: string[] = []): WritableDisk {
  const bytes = Buffer.alloc(SIZE);
  return {
    sizeBytes: SIZE,
    blockBytes: 512,
    read: (offset, length) => Buffer.from(bytes.subarray(offset, offset + length)),
    write: (offset, data) => {
      log.push(`write ${offset}`);
      data.copy(bytes, offset);
    },
    zero: (offset, length) => {
      bytes.fill(0, offset, offset + length);
    },
    flush: () => {
      log.push('flush');
    },
  };
}

/** A client that has said GO for the export `name`. */
async function open(exports: NbdExports, name = 'disk') {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-nbd-'));
  const path = join(folder, 'nbd.sock');
  const server = createServer((socket) => void serveNbd(socket, exports));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const stream = new ByteStream(connect(path));
  checkHello(await stream.take(HELLO_BYTES));
  await stream.send(Buffer.concat([renderClientFlags(), renderGo(name)]));
  const dispose = async () => {
    stream.end(new Error('the test is over'));
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  };
  return { stream, ...(await readGoReplies(stream)), [Symbol.asyncDispose]: dispose };
}

async function readGoReplies(stream: ByteStream) {
  let facts: ReturnType<typeof parseExportInfo>;
  for (;;) {
    const head = parseOptionReplyHead(await stream.take(OPTION_REPLY_HEAD_BYTES));
    const data = await stream.take(head.length);
    facts ??= parseExportInfo(data);
    if (isOptionError(head.type)) return { facts, refusal: head.type };
    if (head.type === NBD_OPTION_REPLY.ack) return { facts, refusal: undefined };
  }
}

function request(kind: keyof typeof NBD_COMMAND, changes: Partial<NbdRequest> = {}): Buffer {
  const base = { flags: 0, command: NBD_COMMAND[kind], cookie: 1n, offset: 0, length: 512 };
  return renderRequest({ ...base, ...changes });
}

async function answer(stream: ByteStream, bytes: Buffer): Promise<number> {
  await stream.send(bytes);
  return parseReply(await stream.take(REPLY_BYTES)).errno;
}

test('what is written is read again, and zeros where it was discarded', async () => {
  await using client = await open({ find: () => memoryDisk() });
  const { stream } = client;
  assert.deepEqual(client.facts, { sizeBytes: SIZE, isReadOnly: false });
  const data = Buffer.alloc(1024, 7);
  const write = request('write', { offset: 512, length: data.length });
  assert.equal(await answer(stream, Buffer.concat([write, data])), 0);
  assert.equal(await answer(stream, request('trim', { offset: 1024 })), 0);
  assert.equal(await answer(stream, request('read', { offset: 0, length: 2048 })), 0);
  const expected = Buffer.alloc(2048);
  expected.fill(7, 512, 1024);
  assert.deepEqual(await stream.take(2048), expected);
});

test('a write with forced unit access is flushed before it is answered', async () => {
  const log: string[] = [];
  await using client = await open({ find: () => memoryDisk(log) });
  const write = request('write', { flags: NBD_FORCE_UNIT_ACCESS });
  assert.equal(await answer(client.stream, Buffer.concat([write, Buffer.alloc(512)])), 0);
  assert.deepEqual(log, ['write 0', 'flush']);
});

test('requests are worked on together and answered as they are done', async () => {
  const gate = Promise.withResolvers<void>();
  const disk: NbdDisk = {
    sizeBytes: SIZE,
    read: async (offset, length) => {
      if (offset === 0) await gate.promise;
      return Buffer.alloc(length);
    },
  };
  await using client = await open({ find: () => disk });
  const { stream } = client;
  await stream.send(request('read', { cookie: 1n }));
  await stream.send(request('read', { cookie: 2n, offset: 512 }));
  assert.equal(parseReply(await stream.take(REPLY_BYTES)).cookie, 2n);
  await stream.take(512);
  gate.resolve();
  assert.equal(parseReply(await stream.take(REPLY_BYTES)).cookie, 1n);
});

test('a disk that cannot be written says so, and refuses writes', async () => {
  const disk: NbdDisk = { sizeBytes: SIZE, read: (_, length) => Buffer.alloc(length) };
  await using client = await open({ find: () => disk });
  assert.equal(client.facts?.isReadOnly, true);
  const write = Buffer.concat([request('write'), Buffer.alloc(512)]);
  assert.equal(await answer(client.stream, write), NBD_ERROR.permission);
  assert.equal(await answer(client.stream, request('flush', { length: 0 })), 0);
});

test('a request beyond the end or off the blocks is refused, and the next one served', async () => {
  await using client = await open({ find: () => memoryDisk() });
  const { stream } = client;
  assert.equal(await answer(stream, request('read', { offset: SIZE })), NBD_ERROR.invalid);
  assert.equal(await answer(stream, request('read', { offset: 100 })), NBD_ERROR.invalid);
  const tooFar = Buffer.concat([request('write', { offset: SIZE }), Buffer.alloc(512)]);
  assert.equal(await answer(stream, tooFar), NBD_ERROR.noSpace);
  assert.equal(await answer(stream, request('read')), 0);
});

test('a disk that fails is an I/O error of that request', async () => {
  const read = () => Promise.reject(new Error('a bad sector'));
  await using client = await open({ find: () => ({ sizeBytes: SIZE, read }) });
  assert.equal(await answer(client.stream, request('read')), NBD_ERROR.io);
});

test('a disk that is gone fails everything at once, wherever it is, and keeps nothing of a write', async () => {
  await using client = await open({ find: () => failingDisk(systemClock) });
  const { stream } = client;
  const far = client.facts!.sizeBytes - 512;
  assert.equal(client.facts?.isReadOnly, false);
  for (const kind of ['read', 'trim', 'writeZeroes', 'flush'] as const) {
    assert.equal(await answer(stream, request(kind, { offset: far })), NBD_ERROR.io, kind);
  }
  const last = Buffer.concat([request('write', { offset: far }), Buffer.alloc(512)]);
  assert.equal(await answer(stream, last), NBD_ERROR.io);
  await stream.send(request('write', { length: MAX_REQUEST_BYTES, cookie: 7n }));
  await stream.send(Buffer.alloc(MAX_REQUEST_BYTES));
  assert.equal(parseReply(await stream.take(REPLY_BYTES)).cookie, 7n);
  assert.equal(await answer(stream, request('read')), NBD_ERROR.io);
});

test('an export that nobody knows is refused', async () => {
  await using client = await open({ find: () => undefined }, 'other');
  assert.equal(client.refusal, NBD_OPTION_REPLY.unknown);
});

test('a request longer than the bound ends the connection', async () => {
  await using client = await open({ find: () => memoryDisk() });
  await client.stream.send(request('read', { length: 2 ** 31 }));
  await assert.rejects(client.stream.take(REPLY_BYTES), /closed the connection/);
});
