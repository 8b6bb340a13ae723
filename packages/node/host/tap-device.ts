// Owns how a tap is opened, so that an unprivileged hypervisor gets it as inherited file descriptors and needs
// neither /dev/net/tun nor a capability.

import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { ioctl } from '@ironbark/platform/libc.ts';
import { inNetworkNamespace } from '@ironbark/platform/network-namespace.ts';

export interface TapOptions {
  /** Queue pairs, one descriptor each. More than 1 needs a tap that was made with `multi_queue`. */
  queues: number;
  /** Also open /dev/vhost-net once a queue. */
  vhost: boolean;
  /** Where the tap is; absent: in the host's own network name space. */
  namespace?: string;
}

/** Open descriptors of a tap. The hypervisor inherits copies, so close these once it has started. */
export interface OpenTap {
  fds: number[];
  vhostFds: number[];
  close(): void;
}

// From linux/if_tun.h.
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
export const IFF_MULTI_QUEUE = 0x0100;
/** sizeof(struct ifreq) on 64-bit Linux: 16 bytes of name, then a union whose first member is the flags. */
const IFREQ_BYTES = 40;
const IFREQ_FLAGS_OFFSET = 16;
/** IFNAMSIZ less its final zero. */
export const MAX_INTERFACE_NAME = 15;
/** The kernel's MAX_TAP_QUEUES. */
const MAX_QUEUES = 256;

/** Opens a tap that exists already; `ip tuntap add ... vnet_hdr` made it, so it stays when this is closed. */
export function openTap(interfaceName: string, options: TapOptions): OpenTap {
  checkTap(interfaceName, options);
  const { namespace } = options;
  if (namespace === undefined) return open(interfaceName, options, isMultiQueue(interfaceName));
  // What lies in another name space does not show in this one's /sys; it was made as it is opened.
  const multiQueue = options.queues > 1 || options.vhost;
  return inNetworkNamespace(namespace, () => open(interfaceName, options, multiQueue));
}

function open(interfaceName: string, options: TapOptions, multiQueue: boolean): OpenTap {
  const fds: number[] = [];
  const vhostFds: number[] = [];
  const close = () => {
    for (const fd of [...fds.splice(0), ...vhostFds.splice(0)]) closeSync(fd);
  };
  try {
    for (let queue = 0; queue < options.queues; queue += 1) {
      fds.push(openQueue(interfaceName, multiQueue));
      if (options.vhost) vhostFds.push(openSync('/dev/vhost-net', constants.O_RDWR));
    }
    return { fds, vhostFds, close };
  } catch (error) {
    close();
    throw error;
  }
}

function checkTap(name: string, { queues }: TapOptions): void {
  if (name === '' || Buffer.byteLength(name) > MAX_INTERFACE_NAME || name.includes('/')) {
    throw new RangeError(`tap: an interface name has 1 to ${MAX_INTERFACE_NAME} bytes: ${name}`);
  }
  if (!Number.isInteger(queues) || queues < 1 || queues > MAX_QUEUES) {
    throw new RangeError(`tap: queues must be 1 to ${MAX_QUEUES}, not ${queues}`);
  }
}

/** Also refuses a tap that is not there: TUNSETIFF would make a stray one that no bridge knows. */
function isMultiQueue(name: string): boolean {
  const flags = Number(readFileSync(`/sys/class/net/${name}/tun_flags`, 'utf8').trim());
  return (flags & IFF_MULTI_QUEUE) !== 0;
}

function openQueue(name: string, multiQueue: boolean): number {
  const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name, 'latin1');
  const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multiQueue ? IFF_MULTI_QUEUE : 0);
  request.writeUInt16LE(flags, IFREQ_FLAGS_OFFSET);
  try {
    ioctl(fd, TUNSETIFF, request, `TUNSETIFF ${name}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
