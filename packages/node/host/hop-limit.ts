// Owns the hop limit of one connection, by which a token reaches the guest that asked but no container behind it.

import type { Socket } from 'node:net';
import { setIpTtl } from '@ironbark/platform/libc.ts';

/** Node has no call for it, so the descriptor comes from the socket's handle. Throws when there is none. */
export function limitHops(socket: Socket, hops: number): void {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } };
  if (handle?.fd === undefined || handle.fd < 0) throw new Error('hop limit: no descriptor');
  setIpTtl(handle.fd, hops);
}
