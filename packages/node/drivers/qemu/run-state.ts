// Owns what QEMU's run states say of a guest.

import type { GuestStatus } from '../hypervisor-driver.ts';

export interface RunState {
  status: string;
}

/** QEMU's run states, of which few are those of a guest that works. */
export function readStatus(status: string): GuestStatus {
  if (status === 'shutdown') return { state: 'gone', reason: 'guest-shutdown' };
  const paused: Readonly<Record<string, string>> = {
    paused: 'the guest is paused',
    'io-error': 'the guest waits: the host has no room for what it writes',
    'internal-error': 'the guest was paused by an error of the hypervisor',
    'guest-panicked': 'the guest reported a panic',
  };
  const reason = paused[status];
  if (reason === undefined) return { state: 'running' };
  return { state: 'paused', reason, resumable: status === 'io-error' };
}
