// Owns what a requested NIC profile becomes on the port that the host's network gave.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { NicProfile } from '@ironbark/core/io-profile.ts';
import type { PortAttachment } from '../host/host-network.ts';

export function effectiveNicProfile(requested: NicProfile, port: PortAttachment): NicProfile {
  if (requested.model !== 'virtio-net') {
    throw new ServiceError({
      kind: 'unsupported',
      resource: 'network-interface',
      message: `The I/O profile ${requested.name} needs a ${requested.model} card; this node offers virtio-net.`,
    });
  }
  if (port.kind !== 'tap') return { ...requested, queues: 1, vhost: 'never' };
  const vhost = port.vhost && requested.vhost !== 'never';
  return {
    ...requested,
    queues: vhost ? port.queues : 1,
    vhost: vhost ? 'if-available' : 'never',
    mtu: port.mtu,
  };
}
