// Owns the question whether an ssh server answers: a forwarded port accepts before the guest listens, so only
// the server's greeting counts.

import { connect } from 'node:net';

const CONNECT_TIMEOUT_MS = 1_000;

export function greetsAsSsh(target: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...target, timeout: CONNECT_TIMEOUT_MS });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (bytes) => end(bytes.toString('latin1').startsWith('SSH-')));
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => end(false));
  });
}
