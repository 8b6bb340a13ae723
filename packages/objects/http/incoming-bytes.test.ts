import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { BLOCK_BYTES, giveBack } from '@ironbark/platform/blocks.ts';
import { readIncoming } from './incoming-bytes.ts';

/** One of its own, and all that there are beside. */
const MOST_BLOCKS = 65;

test('a body stands still while its reader has all blocks, and goes on where it was', async () => {
  const body = Buffer.alloc((MOST_BLOCKS + 2) * BLOCK_BYTES + 5, 'abcdefg');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sender = request({ port: (server.address() as AddressInfo).port, method: 'PUT' });
  sender.end(body);
  const [incoming, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
  const held: Uint8Array[] = [];
  let crc = 0;
  let sizeBytes = 0;
  for await (const piece of readIncoming(incoming, response, { inBlocks: true })) {
    crc = crc32(piece, crc);
    sizeBytes += piece.length;
    held.push(piece);
    // The next one is waited for before these come back.
    if (held.length === MOST_BLOCKS) setImmediate(() => held.splice(0).forEach(giveBack));
  }
  assert.deepEqual([sizeBytes, crc], [body.length, crc32(body)]);
  response.end();
  server.close();
});
