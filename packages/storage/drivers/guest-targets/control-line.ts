// Owns the other end of a target's control socket: one line of JSON for a question, one for its answer.

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { connectToSocketOf } from '@ironbark/platform/sockets.ts';

/** A change waits for what the disk is doing, which ends when the disk does. */
const TIMEOUT_MS = 20_000;

/** Where a target listens, in its own folder. */
export const CONTROL_SOCKET = 'control';
/** As many disks as a target has, with all their counters; a target is not trusted to end. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const NEWLINE = 10;

export interface TargetPlace {
  folder: string;
  /** Whose the target is: what it puts in the place of its socket leads nobody elsewhere. */
  uid: number | undefined;
}

interface Answer {
  status?: object;
  error?: string;
}

/** What the target answers is its own word: whoever started it wrote its program, and may believe it. */
export async function askTarget<Status>(place: TargetPlace, question: object): Promise<Status> {
  const socket = await connect(place);
  try {
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the target is silent')));
    socket.write(`${JSON.stringify(question)}\n`);
    const answer = JSON.parse(await readLine(socket)) as Answer;
    if (answer.status === undefined) throw new Error(`target: ${answer.error}`);
    return answer.status as Status;
  } finally {
    socket.destroy();
  }
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

async function connect({ folder, uid }: TargetPlace): Promise<Socket> {
  const path = join(folder, CONTROL_SOCKET);
  if (uid !== undefined) return await connectToSocketOf(uid, path);
  const socket = createConnection(path);
  await once(socket, 'connect');
  return socket;
}

async function readLine(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error('the target says too much');
    if (chunk.at(-1) === NEWLINE) return Buffer.concat(chunks).toString('utf8');
  }
  throw new Error('the target hung up');
}
