import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import { systemClock, waitFor } from '../clock.ts';
import { createLogger } from '../logger.ts';
import { type CallClientOptions, openCallClient } from './call-client.ts';
import { type CallServerOptions, serveCalls } from './call-server.ts';

const MAX_INPUT_BYTES = 1_000;

async function open(server: Partial<CallServerOptions>, client: Partial<CallClientOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-calls-'));
  const socketPath = join(folder, 'x.sock');
  const lines: string[] = [];
  const logger = createLogger({ write: (line) => lines.push(line), nowMs: () => 0 });
  const base = { socketPath, logger, verbs: {}, maxInputBytes: MAX_INPUT_BYTES };
  const serve = () => serveCalls({ ...base, ...server });
  const listener = await serve();
  const limits = { timeoutMs: 5_000, maxAnswerBytes: 10_000 };
  const calls = openCallClient({ socketPath, clock: systemClock, ...limits, ...client });
  const dispose = async () => {
    calls[Symbol.dispose]();
    await listener[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  };
  return { calls, socketPath, lines, listener, serve, [Symbol.asyncDispose]: dispose };
}

test('a call gives its answer, and an error comes out as it went in', async () => {
  const details = { Size: '1' };
  const refusal = { kind: 'out-of-space', resource: 'volume', message: 'full', details } as const;
  await using wire = await open({
    verbs: {
      double: async (input) => (input as { n: number }).n * 2,
      nothing: async () => undefined,
      refuse: async () => {
        throw new ServiceError(refusal);
      },
      fail: async () => {
        throw new Error('with a secret');
      },
    },
  });
  assert.equal(await wire.calls.call('double', { n: 21 }), 42);
  assert.equal(await wire.calls.call('nothing'), null);
  await assert.rejects(wire.calls.call('refuse'), (error) => {
    assert.ok(isServiceError(error, 'out-of-space'));
    const { kind, resource, message } = error;
    assert.deepEqual({ kind, resource, message, details: error.details }, refusal);
    return true;
  });
  await assert.rejects(wire.calls.call('fail'), (error: Error) => !/secret/.test(error.message));
  assert.match(wire.lines.join(''), /with a secret/);
});

test('unknown verbs, other methods, long inputs and what is not JSON are refused', async () => {
  let calls = 0;
  await using wire = await open({
    verbs: {
      count: async () => {
        calls += 1;
      },
    },
  });
  for (const verb of ['toString', '__proto__', 'constructor', '', '../count', 'count/..']) {
    await assert.rejects(wire.calls.call(verb), /no such call/, verb);
  }
  const long = { text: 'x'.repeat(MAX_INPUT_BYTES) };
  await assert.rejects(wire.calls.call('count', long), /more than 1000 bytes/);
  const { socketPath } = wire;
  assert.equal(await raw(socketPath, { method: 'PUT', path: '/count' }, '{}'), 404);
  assert.equal(await raw(socketPath, { method: 'POST', path: '/count' }, '{'), 400);
  const chunked = { 'transfer-encoding': 'chunked' };
  assert.equal(await raw(socketPath, { path: '/count', headers: chunked }, `${long.text}x`), 413);
  assert.equal(calls, 0);
});

test('inputs that are slow to come hold up no others, and only so many are kept', async () => {
  await using wire = await open({ verbs: { x: async () => 1 } });
  const { socketPath } = wire;
  const half = 'x'.repeat(MAX_INPUT_BYTES - 1);
  const slow = [1, 2].map(() => {
    const made = request({ socketPath, method: 'POST', path: '/x' });
    made.on('error', () => {});
    made.write(half);
    return made;
  });
  await waitFor(async () => (await raw(socketPath, { path: '/x' }, '[1,2]')) === 503, {
    clock: systemClock,
    timeoutMs: 5_000,
    what: 'the limit',
  });
  for (const made of slow) made.destroy();
  await waitFor(async () => (await raw(socketPath, { path: '/x' }, '[1,2]')) === 200, {
    clock: systemClock,
    timeoutMs: 5_000,
    what: 'room again',
  });
});

test('bytes travel with what is said of them, and a break in the middle is an error', async () => {
  const bytes = Buffer.alloc(3_000_000, 'ab');
  await using wire = await open({
    byteVerbs: {
      read: async (input) => ({ answer: { input }, body: Readable.from([bytes]) }),
      broken: async () => ({ answer: {}, body: Readable.from(breaking()) }),
    },
  });
  const { answer, body } = await wire.calls.callForBytes('read', { key: 'k' });
  assert.deepEqual(answer, { input: { key: 'k' } });
  assert.ok(Buffer.concat(await body.toArray()).equals(bytes));
  const broken = await wire.calls.callForBytes('broken');
  await assert.rejects(broken.body.toArray());
});

async function* breaking() {
  yield Buffer.from('first');
  throw new Error('the disk is gone');
}

test('who does not answer in time, or answers too much, is given up', async () => {
  await using wire = await open(
    {
      verbs: {
        never: () => new Promise(() => {}),
        much: async () => 'x'.repeat(20_000),
      },
    },
    { timeoutMs: 100 },
  );
  await assert.rejects(wire.calls.call('never'), /no answer within 100 ms/);
  await assert.rejects(wire.calls.call('much'), /more than 10000 bytes/);
});

test('changes are told, and the first word after each connection is one', async () => {
  const listeners = new Set<() => void>();
  const onChange = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  await using wire = await open({ onChange });
  let told = 0;
  wire.calls.onChange(() => {
    told += 1;
  });
  const deadline = { clock: systemClock, timeoutMs: 5_000 };
  const until = (count: number) =>
    waitFor(() => told >= count, { ...deadline, what: `${count} words` });
  await until(1);
  for (const listener of listeners) listener();
  await until(2);
  await wire.listener[Symbol.asyncDispose]();
  await waitFor(() => listeners.size === 0, { ...deadline, what: 'nobody listens' });
  await using _again = await wire.serve();
  await until(3);
});

test('who is not admitted gets no answer', async () => {
  await using wire = await open({ verbs: { x: async () => 1 }, admits: () => false });
  await assert.rejects(wire.calls.call('x'));
});

test('A35: a caller with an owner in mind speaks to no other user’s socket, and follows no link', async () => {
  const uid = process.getuid!();
  await using wire = await open({ verbs: { x: async () => 1 } });
  const limits = { clock: systemClock, timeoutMs: 1_000, maxAnswerBytes: 100 };
  const own = openCallClient({ ...limits, socketPath: wire.socketPath, ownerUid: uid });
  assert.equal(await own.call('x'), 1);
  const other = openCallClient({ ...limits, socketPath: wire.socketPath, ownerUid: uid + 1 });
  await assert.rejects(other.call('x'), /not a socket of user/);
  await symlink(wire.socketPath, `${wire.socketPath}.link`);
  const link = openCallClient({ ...limits, socketPath: `${wire.socketPath}.link`, ownerUid: uid });
  await assert.rejects(link.call('x'), /not a socket of user/);
});

interface RawRequest {
  method?: string;
  path: string;
  headers?: Record<string, string>;
}

function raw(socketPath: string, asked: RawRequest, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const made = request({ socketPath, method: 'POST', ...asked });
    made.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    made.once('error', reject);
    made.end(body);
  });
}
