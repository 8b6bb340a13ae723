// Owns a minimal QMP client for tests: one command at a time over the guest's socket.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** QEMU answers in milliseconds unless its main loop is stuck. */
const REPLY_TIMEOUT_MS = 10_000;

export interface QmpConnection extends Disposable {
  execute(command: string, parameters?: Record<string, unknown>): Promise<unknown>;
}

interface Reply {
  return?: unknown;
  error?: { desc: string };
}

export async function connectQmp(socketPath: string): Promise<QmpConnection> {
  const socket = connect(socketPath);
  const waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  const lines = createInterface({ input: socket });
  const greeting = once(lines, 'line', { signal: AbortSignal.timeout(REPLY_TIMEOUT_MS) });
  lines.on('line', (line) => {
    const message = JSON.parse(line) as Reply;
    if ('return' in message || 'error' in message) waiting.shift()?.resolve(message);
  });
  socket.on('close', () => {
    for (const { reject } of waiting.splice(0)) reject(new Error('QMP: the guest is gone'));
  });
  try {
    await Promise.all([connected(socket), greeting]);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const execute = async (command: string, parameters?: Record<string, unknown>) => {
    const reply = await new Promise<Reply>((resolve, reject) => {
      waiting.push({ resolve, reject });
      const late = () => reject(new Error(`QMP ${command}: no reply`));
      setTimeout(late, REPLY_TIMEOUT_MS).unref();
      socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    });
    if (reply.error !== undefined) throw new Error(`QMP ${command}: ${reply.error.desc}`);
    return reply.return;
  };
  await execute('qmp_capabilities');
  return { execute, [Symbol.dispose]: () => socket.destroy() };
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.on('error', reject);
  });
}
