// Owns the process of one modelled disk: it serves NBD on a Unix socket, takes orders as JSON lines on its standard
// input, and ends when that ends. A process of its own, so that nobody else's work makes the disk late.

import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock } from '@ironbark/platform/clock.ts';
import { serveNbd } from '@ironbark/platform/nbd/server.ts';
import { type DiskOrder, type DiskReply, parseModel } from './disk-orders.ts';
import { ModelledDisk } from './modelled-disk.ts';

const [socketPath, path, sizeBytes, model] = process.argv.slice(2);

function say(reply: DiskReply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

function obey(disk: ModelledDisk, order: DiskOrder): DiskReply {
  if (order.kind === 'change') disk.change(parseModel(order.model));
  else if (order.kind === 'begin') disk.begin();
  return { kind: 'done', counters: disk.counters };
}

await using disk = await ModelledDisk.open({
  path: path!,
  sizeBytes: Number(sizeBytes),
  model: parseModel(model!),
  clock: systemClock,
});
const clients = new Set<Socket>();
const server = createServer((socket) => {
  clients.add(socket);
  socket.once('close', () => clients.delete(socket));
  void serveNbd(socket, { find: () => disk });
});
await new Promise<void>((resolve) => server.listen(socketPath, resolve));
say({ kind: 'ready' });
for await (const line of createInterface({ input: process.stdin })) {
  say(obey(disk, JSON.parse(line) as DiskOrder));
}
server.close();
for (const client of clients) client.destroy();
