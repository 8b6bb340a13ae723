// Owns how a hypervisor plugs a guest's card into a tap: with how many queues, and whether the kernel moves its packets.

import { existsSync } from 'node:fs';
import type { PortAttachment, PortSpec } from './host-network.ts';

/** More queues than this gain nothing in a guest and cost memory each. */
const MAX_QUEUES = 8;

/** `namespace`: the one that the tap is in; undefined: the host's own. */
export function attachmentTo(
  interfaceName: string,
  { profile, vcpus }: Pick<PortSpec, 'profile' | 'vcpus'>,
  namespace: string | undefined,
): PortAttachment & { kind: 'tap' } {
  const isFast = profile.model === 'virtio-net' && profile.vhost === 'if-available';
  const vhost = isFast && existsSync('/dev/vhost-net');
  const wanted = profile.queues === 'vcpus' ? vcpus : profile.queues;
  // QEMU 7.2 aborts on an assertion with several queues and no vhost.
  const queues = vhost ? Math.max(1, Math.min(wanted, MAX_QUEUES)) : 1;
  const inside = namespace === undefined ? {} : { namespace };
  return { kind: 'tap', interfaceName, queues, vhost, mtu: profile.mtu, ...inside };
}
