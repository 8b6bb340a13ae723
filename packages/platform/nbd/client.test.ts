import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, waitFor } from '../clock.ts';
import { NbdClient } from './client.ts';
import { serveNbd, type WritableDisk } from './server.ts';

const SIZE = 64 * 1024;

/** A disk whose server can be taken away and brought back, while what it holds stays. */
class Bench implements AsyncDisposable {
  readonly bytes = Buffer.alloc(2 * SIZE);
  sizeBytes = SIZE;
  /** Requests that it holds and never answers. */
  isStuck = false;
  readonly path: string;
  readonly #folder: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'nbd.sock');
  }

  static async open(): Promise<Bench> {
    const bench = new Bench(await mkdtemp(join(tmpdir(), 'ironbark-nbd-client-')));
    await bench.start();
    return bench;
  }

  async start(): Promise<void> {
    const disk: WritableDisk = {
      sizeBytes: this.sizeBytes,
      blockBytes: 1,
      read: (offset, length) => Buffer.from(this.bytes.subarray(offset, offset + length)),
      write: async (offset, data) => {
        if (this.isStuck) await new Promise(() => {});
        data.copy(this.bytes, offset);
      },
      zero: () => {},
      flush: () => {},
    };
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      void serveNbd(socket, { find: () => disk });
    });
    await new Promise<void>((resolve) => this.#server!.listen(this.path, resolve));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    await new Promise((resolve) => this.#server!.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true });
  }
}

function connect(bench: Bench, onSize?: (sizeBytes: number) => void): Promise<NbdClient> {
  const options = { socketPath: bench.path, exportName: 'disk', clock: systemClock };
  return NbdClient.connect({ ...options, ...(onSize === undefined ? {} : { onSize }) }, 2_000);
}

test('what is read is what was written, in whatever pieces', async () => {
  await using bench = await Bench.open();
  const client = await connect(bench);
  await client.write(512, [Buffer.from('one'), Buffer.from('two')]);
  await client.flush();
  const into = [Buffer.alloc(2), Buffer.alloc(4)];
  await client.read(512, into);
  assert.equal(Buffer.concat(into).toString(), 'onetwo');
  assert.equal(client.sizeBytes, SIZE);
  client.close();
});

test('requests wait for a server that went away, and are asked again', async () => {
  await using bench = await Bench.open();
  const sizes: number[] = [];
  const client = await connect(bench, (size) => sizes.push(size));
  bench.isStuck = true;
  const held = client.write(0, [Buffer.from('kept')]);
  await bench.stop();
  await waitFor(() => !client.isConnected, { clock: systemClock, timeoutMs: 2_000, what: 'away' });
  const asked = client.write(8, [Buffer.from('later')]);
  Object.assign(bench, { isStuck: false, sizeBytes: 2 * SIZE });
  await bench.start();
  await Promise.all([held, asked]);
  assert.equal(bench.bytes.toString('latin1', 0, 13), 'kept\0\0\0\0later');
  assert.deepEqual(sizes, [SIZE, 2 * SIZE]);
  client.close();
});

test('a client that is closed fails what waits, and a server’s error is the request’s', async () => {
  await using bench = await Bench.open();
  const client = await connect(bench);
  await assert.rejects(client.read(SIZE, [Buffer.alloc(1)]), /errno/);
  bench.isStuck = true;
  const held = client.write(0, [Buffer.from('x')]);
  client.close();
  await assert.rejects(held, /closed/);
  await assert.rejects(client.flush(), /closed/);
});

test('where nobody serves there is no client', async () => {
  const options = { socketPath: '/nowhere/nbd.sock', exportName: 'disk', clock: systemClock };
  await assert.rejects(NbdClient.connect(options, 100), /not within 100 ms/);
});
