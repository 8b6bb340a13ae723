// Owns the step from a subnet to its bridge, and the refusal of one that the host already reaches otherwise.

import { ServiceError } from '@ironbark/core/errors.ts';
import { parseCidr } from '@ironbark/core/ipv4.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { SubnetIpv6 } from '@ironbark/protocol/internal/network-messages.ts';
import { ensureBridge } from './bridge.ts';
import { describeClash, findClash } from './choose-cidr.ts';
import { readHostNetworks } from './host-networks.ts';
import { findLink } from './links.ts';
import type { NetworkNames } from './network-names.ts';
import type { NetworkPlace } from './network-place.ts';

export async function ensureSubnetBridge(
  context: { place: NetworkPlace; logger: Logger },
  names: NetworkNames,
  subnet: SubnetIntent & { ipv6?: SubnetIpv6 },
): Promise<void> {
  const name = names.bridge(subnet.id);
  const { place } = context;
  const existing = await findLink(place.commands, name);
  if (existing === undefined) {
    // A name space has no other network to be cut off from.
    if (place.isHost) await refuseClash(place.commands, names, subnet);
    context.logger.info('bridge made', { bridge: name, subnetId: subnet.id, cidr: subnet.cidr });
  }
  const spec = {
    name,
    macAddress: names.bridgeMac(subnet.id),
    gateway: `${subnet.gatewayIp}/${parseCidr(subnet.cidr)?.prefix}`,
    alias: subnet.id,
    // The host's own IPv6 is not the cloud's affair: only name spaces route it.
    ...(place.isHost || subnet.ipv6 === undefined ? {} : { ipv6: subnet.ipv6 }),
  };
  await ensureBridge(place, spec, existing);
}

/** Building it anyway would cut the host off from its own network. */
async function refuseClash(
  commands: Commands,
  names: NetworkNames,
  { cidr }: SubnetIntent,
): Promise<void> {
  const isOurs = (device: string) => names.isBridge(device) || names.isOverlay(device);
  const clash = findClash(cidr, await readHostNetworks(commands), isOurs);
  if (clash === undefined) return;
  throw new ServiceError({
    kind: 'in-use',
    resource: 'host',
    message: `${describeClash(cidr, clash)} Give the cloud another network, or take that one off the host.`,
  });
}
