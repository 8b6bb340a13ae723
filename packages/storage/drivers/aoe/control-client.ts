// Owns the other end of a target's control socket.

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { connectToSocketOf } from '@ironbark/platform/sockets.ts';
import type { TargetStatus } from './control-server.ts';
import { type DiskAddress, type ExportSettings, renderSettings } from './export-settings.ts';

/** A change waits for what the disk is doing, which ends when the disk does. */
const TIMEOUT_MS = 20_000;

/** Where a target listens, in its own folder. */
export const CONTROL_SOCKET = 'control';
/** As many disks as a target has, with all their counters; a target is not trusted to end. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface TargetPlace {
  folder: string;
  /** Whose the target is: what it puts in the place of its socket leads nobody elsewhere. */
  uid: number | undefined;
}

/** Serves exactly these disks. When it resolves, those that are gone answer nobody and nothing of theirs is under way. */
export function serveExports(
  place: TargetPlace,
  exports: readonly ExportSettings[],
): Promise<TargetStatus> {
  return ask(place, { verb: 'serve', exports: exports.map(renderSettings) });
}

/** Serves these besides those that are served already. Throws when what is behind one of them is not there. */
export function openExports(
  place: TargetPlace,
  exports: readonly ExportSettings[],
): Promise<TargetStatus> {
  return ask(place, { verb: 'open', exports: exports.map(renderSettings) });
}

/**
 * When it resolves nobody is answered there any more; with `revoke` those who were are told for a while that every
 * command of theirs fails.
 */
export function closeExport(
  place: TargetPlace,
  { shelf, slot }: DiskAddress,
  verb: 'close' | 'revoke',
): Promise<TargetStatus> {
  return ask(place, { verb, addresses: [{ shelf, slot }] });
}

/** Calls back when the target has ended, or cannot be reached. */
export function watchTarget(place: TargetPlace, onEnd: () => void): Disposable {
  let socket: Socket | undefined;
  let isOver = false;
  const end = () => {
    if (!isOver) onEnd();
    isOver = true;
  };
  connect(place).then((connected) => {
    socket = connected.unref();
    connected.on('error', () => {}).on('close', end);
    connected.resume();
    if (isOver) connected.destroy();
  }, end);
  const stop = () => {
    isOver = true;
    socket?.destroy();
  };
  return { [Symbol.dispose]: stop };
}

export function readTargetStatus(place: TargetPlace): Promise<TargetStatus> {
  return ask(place, { verb: 'status' });
}

const NEWLINE = 10;

interface Answer {
  status?: TargetStatus;
  error?: string;
}

async function connect({ folder, uid }: TargetPlace): Promise<Socket> {
  const path = join(folder, CONTROL_SOCKET);
  if (uid !== undefined) return await connectToSocketOf(uid, path);
  const socket = createConnection(path);
  await once(socket, 'connect');
  return socket;
}

async function ask(place: TargetPlace, question: object): Promise<TargetStatus> {
  const socket = await connect(place);
  try {
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the AoE target is silent')));
    socket.write(`${JSON.stringify(question)}\n`);
    const answer = JSON.parse(await readLine(socket)) as Answer;
    if (answer.status === undefined) throw new Error(`AoE target: ${answer.error}`);
    return answer.status;
  } finally {
    socket.destroy();
  }
}

async function readLine(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error('the AoE target says too much');
    if (chunk.at(-1) === NEWLINE) return Buffer.concat(chunks).toString('utf8');
  }
  throw new Error('the AoE target hung up');
}
