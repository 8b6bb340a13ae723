// Owns a disk that the guest's own driver attaches over the network: the paper's last proposal.

import type { LabGuest } from './lab-guest.ts';

/** Slirp's name for the host. */
const HOST_ADDRESS = '10.0.2.2';
const NETWORK_DISK = '/dev/nbd0';

/** `port`: of an NBD server on the host. */
export async function withNetworkDisk<T>(
  guest: LabGuest,
  port: number,
  work: (device: string) => Promise<T>,
): Promise<T> {
  await guest.run(`nbd-client -N disk ${HOST_ADDRESS} ${port} ${NETWORK_DISK} > /dev/null`);
  try {
    return await work(NETWORK_DISK);
  } finally {
    await guest.run(`nbd-client -d ${NETWORK_DISK} > /dev/null`).catch(() => {});
  }
}
