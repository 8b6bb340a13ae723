// Owns the other end of a target's control socket.

import { createConnection } from 'node:net';
import type { TargetStatus } from './control-server.ts';
import { type DiskAddress, type ExportSettings, renderSettings } from './export-settings.ts';

/** A change waits for what the disk is doing, which ends when the disk does. */
const TIMEOUT_MS = 20_000;

/** Serves exactly these disks. When it resolves, those that are gone answer nobody and nothing of theirs is under way. */
export function serveExports(
  socketPath: string,
  exports: readonly ExportSettings[],
): Promise<TargetStatus> {
  return ask(socketPath, { verb: 'serve', exports: exports.map(renderSettings) });
}

/** Serves these besides those that are served already. Throws when what is behind one of them is not there. */
export function openExports(
  socketPath: string,
  exports: readonly ExportSettings[],
): Promise<TargetStatus> {
  return ask(socketPath, { verb: 'open', exports: exports.map(renderSettings) });
}

/**
 * When it resolves nobody is answered there any more; with `revoke` those who were are told for a while that every
 * command of theirs fails.
 */
export function closeExport(
  socketPath: string,
  { shelf, slot }: DiskAddress,
  verb: 'close' | 'revoke',
): Promise<TargetStatus> {
  return ask(socketPath, { verb, addresses: [{ shelf, slot }] });
}

/** Calls back when the target has ended. */
export function watchTarget(socketPath: string, onEnd: () => void): Disposable {
  const socket = createConnection(socketPath);
  socket.unref();
  socket.on('error', () => {});
  socket.on('close', onEnd);
  socket.resume();
  const stop = () => {
    socket.off('close', onEnd);
    socket.destroy();
  };
  return { [Symbol.dispose]: stop };
}

export function readTargetStatus(socketPath: string): Promise<TargetStatus> {
  return ask(socketPath, { verb: 'status' });
}

const NEWLINE = 10;

interface Answer {
  status?: TargetStatus;
  error?: string;
}

function ask(socketPath: string, question: object): Promise<TargetStatus> {
  const { promise, resolve, reject } = Promise.withResolvers<TargetStatus>();
  const socket = createConnection(socketPath);
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the AoE target does not answer')));
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the AoE target hung up')));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    if (chunk.at(-1) !== NEWLINE) return;
    const answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Answer;
    if (answer.status === undefined) reject(new Error(`AoE target: ${answer.error}`));
    else resolve(answer.status);
    socket.destroy();
  });
  socket.write(`${JSON.stringify(question)}\n`);
  return promise;
}
