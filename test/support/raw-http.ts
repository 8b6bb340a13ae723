// Owns HTTP as bytes on a connection, for peers that do not keep to its rules.

import { connect, type Socket } from 'node:net';
import { systemClock } from '@ironbark/platform/clock.ts';

export interface RawPeer {
  socket: Socket;
  /** Resolves when the connection has ended, however that came about. */
  closed: Promise<RawResult>;
}

export interface RawResult {
  /** All that the other side said. */
  text: string;
  /** From the opening to the end. */
  tookMs: number;
}

/** More than this of an answer is not kept. */
const MAX_KEPT = 1024 * 1024;

export function openPeer(endpoint: string): Promise<RawPeer> {
  const { hostname, port } = new URL(endpoint);
  const startedMs = systemClock.monotonicMs();
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const pieces: string[] = [];
    let kept = 0;
    const closed = new Promise<RawResult>((end) => {
      socket.once('close', () => {
        end({ text: pieces.join(''), tookMs: systemClock.monotonicMs() - startedMs });
      });
    });
    socket.on('data', (piece) => {
      kept += piece.length;
      if (kept <= MAX_KEPT) pieces.push(piece.toString('latin1'));
    });
    socket.once('connect', () => resolve({ socket, closed }));
    // A reset is one way to be refused; before the connection stands it is a failure.
    socket.on('error', reject);
  });
}

/** Sends the bytes and waits for the end of the connection. */
export async function exchange(endpoint: string, bytes: string | Uint8Array): Promise<RawResult> {
  const { socket, closed } = await openPeer(endpoint);
  socket.write(bytes);
  return await closed;
}

/** Sends one piece again and again until the connection ends; `periodMs` 0 as fast as it is taken. */
export async function drip(
  endpoint: string,
  first: string,
  piece: string,
  periodMs: number,
): Promise<RawResult> {
  const { socket, closed } = await openPeer(endpoint);
  socket.write(first);
  const push = () => {
    if (socket.writable) socket.write(piece);
  };
  if (periodMs === 0) socket.on('drain', push);
  const timer = setInterval(push, Math.max(periodMs, 1));
  const result = await closed;
  clearInterval(timer);
  return result;
}

/** The statuses of the answers on one connection. */
export function statusesOf({ text }: RawResult): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}
