// Owns the choice of a TCP port on the loopback that nobody has.

import { createServer } from 'node:net';
import type { RandomSource } from '@ironbark/platform/random.ts';

/** Below Linux's ephemeral ports, so that no outgoing connection takes one while its guest is stopped. */
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;
const MAX_TRIES = 200;

/** A free port of 127.0.0.1 that is not in `taken`. */
export async function findFreePort(
  random: RandomSource,
  taken: ReadonlySet<number>,
): Promise<number> {
  const start = Math.floor(random.fraction() * PORT_COUNT);
  for (let step = 0; step < MAX_TRIES; step += 1) {
    const port = FIRST_PORT + ((start + step) % PORT_COUNT);
    if (!taken.has(port) && (await isFreePort(port))) return port;
  }
  throw new Error(`no free port found on 127.0.0.1 in ${MAX_TRIES} tries`);
}

export function isFreePort(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}
