// Owns a small cloud network for tests: names and addresses of its own, so that runs side by side do not meet.

import type { InstanceId, InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { parseCidr, renderIpv4 } from '@ironbark/core/ipv4.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { chooseVpcCidr, VPC_CANDIDATES } from '../host/choose-cidr.ts';
import type { HostNetwork, PortSpec } from '../host/host-network.ts';
import { readHostNetworks } from '../host/host-networks.ts';
import { createVpcNetworks } from '../host/vpc-networks.ts';
import type { VpcNetworksOptions } from '../host/vpc-networks-options.ts';

export interface TestCloud {
  cloudId: string;
  subnet: SubnetIntent;
  /** A daemon's view of the network; each call is a daemon that has just started. */
  open(changes?: Partial<VpcNetworksOptions>): Promise<HostNetwork>;
  /** The address at this place in the subnet; 1 is the gateway. */
  address(place: number): string;
  port(place: number): PortSpec;
}

/** Tests leave alone what a real cloud on this machine would take first. */
const CANDIDATES = VPC_CANDIDATES.filter((cidr) => cidr.startsWith('10.')).toReversed();

/** Test files run at the same time in processes with neighbouring ids; each has this many networks to itself. */
const STRIDE = 29;

export async function createTestCloud(label: string): Promise<TestCloud> {
  const cloudId = `test-${process.pid}-${label}`;
  const start = (process.pid * STRIDE) % CANDIDATES.length;
  const candidates = [...CANDIDATES.slice(start), ...CANDIDATES.slice(0, start)];
  const vpcCidr = chooseVpcCidr(await readHostNetworks(systemCommands), candidates)!;
  const { base } = parseCidr(vpcCidr)!;
  const address = (place: number) => renderIpv4(base + place);
  const subnet: SubnetIntent = {
    id: `subnet-${hex(process.pid)}` as SubnetId,
    cidr: `${renderIpv4(base)}/20`,
    gatewayIp: address(1),
    vpcCidr,
    domain: 'ec2.internal',
  };
  return {
    cloudId,
    subnet,
    address,
    open: (changes = {}) =>
      createVpcNetworks({
        cloudId,
        commands: systemCommands,
        clock: systemClock,
        logger: silentLogger,
        metadataPort: 1,
        ...changes,
      }),
    port: (place) => ({
      instanceId: `i-${hex(place)}` as InstanceId,
      interfaceId: `eni-${hex(place)}` as InterfaceId,
      macAddress: `02:aa:00:00:${pairOf(place >> 8)}:${pairOf(place & 255)}`,
      privateIp: address(place),
      hostname: `ip-${address(place).replaceAll('.', '-')}.ec2.internal`,
      subnet,
      vcpus: 2,
      profile: PARAVIRTUAL,
    }),
  };
}

function hex(value: number): string {
  return value.toString(16).padStart(17, '0');
}

function pairOf(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
