// Owns the process of one modelled disk: it serves NBD on a Unix socket, takes orders as JSON lines on its standard
// input, and ends when that ends. A process of its own, so that nobody else's work makes the disk late.

import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock } from '@ironbark/platform/clock.ts';
import { serveNbd } from '@ironbark/platform/nbd/server.ts';
import { type DiskOrder, type DiskReply, parseModel } from './disk-orders.ts';
import { ModelledDisk } from './modelled-disk.ts';

const [socketPath, path, sizeBytes, model, tcp] = process.argv.slice(2);

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
const take = (socket: Socket) => {
  clients.add(socket);
  socket.once('close', () => clients.delete(socket));
  void serveNbd(socket, { find: () => disk });
};
const server = createServer(take);
await new Promise<void>((resolve) => server.listen(socketPath, resolve));
const tcpServer = createServer(take);
if (tcp !== undefined) {
  await new Promise<void>((resolve) => tcpServer.listen(0, '127.0.0.1', resolve));
}
const port = (tcpServer.address() as AddressInfo | null)?.port;
say(port === undefined ? { kind: 'ready' } : { kind: 'ready', port });
for await (const line of createInterface({ input: process.stdin })) {
  say(obey(disk, JSON.parse(line) as DiskOrder));
}
server.close();
tcpServer.close();
for (const client of clients) client.destroy();
