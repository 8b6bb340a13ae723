import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Orders } from './orders.ts';

/** A guest whose serial port is a socket; `answer` gives what it says to a line. */
async function withGuest(
  answer: (line: string, port: Socket) => void,
  work: (orders: Orders) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-orders-'));
  const path = join(folder, 'port');
  const server = createServer((port) => {
    port.write('boot noise\nlab ready\n');
    port.on('data', (bytes) => answer(bytes.toString().trim(), port));
    port.on('error', () => {});
  }).listen(path);
  await once(server, 'listening');
  const socket = createConnection(path);
  await once(socket, 'connect');
  const orders = new Orders(socket);
  try {
    await orders.ready;
    await work(orders);
  } finally {
    orders.fail(new Error('over'));
    server.close();
    await rm(folder, { recursive: true });
  }
}

test('a command gives what it printed, and one that fails says its code', async () => {
  const answer = (line: string, port: Socket) => {
    const [number, word] = line.split(' ');
    port.write(`lab begin ${number}\r\nout\nput\nlab end ${number} ${word === 'bad' ? 3 : 0}\n`);
  };
  await withGuest(answer, async (orders) => {
    assert.equal(await orders.run('good'), 'out\nput');
    await assert.rejects(orders.run('bad'), /exit 3: out/);
    assert.equal(await orders.run('good'), 'out\nput');
  });
});

test('a guest that ends, or that prints without end, fails what is waited for', async () => {
  await withGuest(
    (_, port) => port.destroy(),
    (orders) => assert.rejects(orders.run('any'), /has ended/),
  );
  await withGuest(
    (_, port) => port.write(Buffer.alloc(512 * 1024, 'x')),
    (orders) => assert.rejects(orders.run('any'), /on and on/),
  );
});
