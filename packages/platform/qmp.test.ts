import assert from 'node:assert/strict';
import { link, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, TimeoutError, waitFor } from './clock.ts';
import { connectQmp, type QmpClient, QmpError, type QmpEvent } from './qmp.ts';

interface Request {
  execute: string;
  arguments?: unknown;
  id: number;
}

/** What stands in QEMU's place: it greets and hands each request to the test. Silent when `greets` is false. */
async function serve(answer: (request: Request, socket: Socket) => void, greets = true) {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-qmp-'));
  const socketPath = join(folder, 'qmp.sock');
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    if (greets) socket.write('{"QMP": {"version": {}}}\r\n');
    let partial = '';
    socket.on('data', (bytes) => {
      const lines = (partial + bytes).split('\n');
      partial = lines.pop()!;
      for (const line of lines) answer(JSON.parse(line) as Request, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const dispose = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  };
  return { socketPath, connections: () => connections, [Symbol.asyncDispose]: dispose };
}

function say(socket: Socket, message: unknown): void {
  socket.write(`${JSON.stringify(message)}\r\n`);
}

/** Answers everything that the test does not. */
function polite(answer: (request: Request, socket: Socket) => void) {
  return (request: Request, socket: Socket) => {
    if (request.execute === 'qmp_capabilities') say(socket, { return: {}, id: request.id });
    else answer(request, socket);
  };
}

const base = { clock: systemClock, timeoutMs: 5_000 };

test('commands get their own answers, in whatever order these come, and refusals are errors', async () => {
  const held: Request[] = [];
  await using server = await serve(
    polite((request, socket) => {
      held.push(request);
      if (held.length < 3) return;
      const [one, two, three] = held as [Request, Request, Request];
      say(socket, { return: three.arguments, id: three.id });
      say(socket, { error: { class: 'GenericError', desc: 'no' }, id: two.id });
      say(socket, { return: one.arguments, id: one.id });
    }),
  );
  const client = await connectQmp({ ...base, socketPath: server.socketPath });
  const refused = (error: unknown) =>
    error instanceof QmpError && error.errorClass === 'GenericError' && error.message === 'b: no';
  const answers = [
    client.execute('a', { n: 1 }),
    assert.rejects(client.execute('b', { n: 2 }), refused),
    client.execute('c', { n: 3 }),
  ];
  assert.deepEqual(await Promise.all(answers), [{ n: 1 }, undefined, { n: 3 }]);
  client.close();
  await assert.rejects(client.execute('d'), /hung up/);
});

test('events reach their listener, also in the middle of an answer, byte by byte', async () => {
  const events: QmpEvent[] = [];
  await using server = await serve(
    polite((request, socket) => {
      const event = { event: 'SHUTDOWN', data: { guest: true } };
      const text = `${JSON.stringify(event)}\n${JSON.stringify({ return: 'é', id: request.id })}\n`;
      for (const byte of Buffer.from(text)) socket.write(Uint8Array.of(byte));
    }),
  );
  const { socketPath } = server;
  const client = await connectQmp({ ...base, socketPath, onEvent: (event) => events.push(event) });
  assert.equal(await client.execute('a'), 'é');
  assert.deepEqual(events, [{ event: 'SHUTDOWN', data: { guest: true } }]);
  client.close();
});

test('a late answer is nobody else’s; whether to hang up on who is late is asked', async () => {
  await using server = await serve(
    polite((request, socket) => {
      if (request.execute !== 'next') return;
      say(socket, { return: 'late', id: request.id - 1 });
      say(socket, { return: 'mine', id: request.id });
    }),
  );
  const { socketPath } = server;
  const patient = await connectQmp({ ...base, socketPath });
  await assert.rejects(patient.execute('slow', {}, 50), TimeoutError);
  assert.equal(patient.isOpen, true);
  assert.equal(await patient.execute('next'), 'mine');
  patient.close();
  const strict = await connectQmp({ ...base, socketPath, hangsUpWhenLate: true });
  await assert.rejects(strict.execute('slow', {}, 50), TimeoutError);
  assert.equal(strict.isOpen, false);
});

test('a process that ends fails what is waiting and is told of once', async () => {
  const closed: QmpClient[] = [];
  await using server = await serve(polite((_request, socket) => socket.destroy()));
  const { socketPath } = server;
  const client = await connectQmp({ ...base, socketPath, onClose: (one) => closed.push(one) });
  await assert.rejects(client.execute('a'), /hung up/);
  await waitFor(() => closed.length > 0, { clock: systemClock, timeoutMs: 1_000, what: 'the end' });
  assert.deepEqual(closed, [client]);
  assert.equal(client.isOpen, false);
});

test('who does not greet is left in the time for greetings, and was never a connection', async () => {
  const closed: QmpClient[] = [];
  await using server = await serve(() => {}, false);
  const { socketPath } = server;
  const onClose = (client: QmpClient) => closed.push(client);
  const options = { ...base, socketPath, greetingTimeoutMs: 50, onClose };
  await assert.rejects(connectQmp(options), /greeting: no answer within 50 ms/);
  assert.deepEqual(closed, []);
});

test('a line without end ends the connection', async () => {
  await using server = await serve(
    polite((_request, socket) => socket.write('x'.repeat(5_000_000))),
  );
  const client = await connectQmp({ ...base, socketPath: server.socketPath });
  await assert.rejects(client.execute('a'), /hung up/);
});

test('a socket of another user, and a file that is no socket, are not spoken to', async () => {
  await using server = await serve(polite(() => {}));
  const { socketPath } = server;
  const ownerUid = (process.getuid?.() ?? 0) + 1;
  await assert.rejects(connectQmp({ ...base, socketPath, ownerUid }), /not its process's own/);
  await assert.rejects(connectQmp({ ...base, socketPath: import.meta.filename }), /own socket/);
  await assert.rejects(connectQmp({ ...base, socketPath: `${socketPath}.no` }), { code: 'ENOENT' });
});

test('A35: a socket that is swapped for a link to another one is never followed', async () => {
  await using own = await serve(polite(() => {}));
  await using victim = await serve(polite(() => {}));
  const path = `${own.socketPath}.shown`;
  const stopping = new AbortController();
  const swapping = swapForEver(path, [own.socketPath, victim.socketPath], stopping.signal);
  try {
    let refused = 0;
    for (let attempt = 0; attempt < SWAP_ATTEMPTS; attempt++) {
      const options = { ...base, socketPath: path };
      await connectQmp(options).then(
        (client) => client.close(),
        () => (refused += 1),
      );
    }
    assert.ok(refused > 0, 'the link was met');
    assert.ok(refused < SWAP_ATTEMPTS, 'the socket was met');
    assert.equal(victim.connections(), 0);
  } finally {
    stopping.abort();
    await swapping;
  }
});

const SWAP_ATTEMPTS = 500;

/** What a guest's process can do in its own folder. */
async function swapForEver(
  path: string,
  [own, victim]: readonly [string, string],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await link(own, `${path}.new`);
    await rename(`${path}.new`, path);
    await symlink(victim, `${path}.new`);
    await rename(`${path}.new`, path);
  }
}
