// Owns how a launch describes its network interfaces: one by parameters of the instance, or all as NetworkInterface.N.

import type { InstanceNetworkInterfaceSpecification } from '@aws-sdk/client-ec2';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { checkDeviceIndex } from '../app/interface-attachments.ts';
import type { InterfaceWish, LaunchedInterface } from '../app/launch-interfaces.ts';
import { checkInterfaceDescription } from '../app/network-interfaces.ts';
import { invalidCombination, invalidValue, notOffered, refuseParameters } from '../app/refusals.ts';
import { GROUP, INTERFACE, parseId, parseIds, SUBNET } from '../app/resource-ids.ts';
import { parseIpv6Wish } from './ipv6-input.ts';
import { parsePrivateAddresses } from './private-addresses.ts';

type Input = Ec2Input<'RunInstances'>;

/** What an instance's interface can be told. */
const OFFERED = [
  'DeviceIndex',
  'NetworkInterfaceId',
  'SubnetId',
  'Groups',
  'PrivateIpAddress',
  'PrivateIpAddresses',
  'SecondaryPrivateIpAddressCount',
  'Ipv6Addresses',
  'Ipv6AddressCount',
  'Description',
  'DeleteOnTermination',
  'AssociatePublicIpAddress',
  'InterfaceType',
  'NetworkCardIndex',
];
/** What one that exists has already. */
const OF_NEW = [
  'SubnetId',
  'Groups',
  'PrivateIpAddress',
  'PrivateIpAddresses',
  'SecondaryPrivateIpAddressCount',
  'Ipv6Addresses',
  'Ipv6AddressCount',
  'Description',
] as const;
/** "You can specify true only if creating a new network interface when launching an instance." */
const OF_NEW_IF_SET = ['AssociatePublicIpAddress', 'DeleteOnTermination'] as const;

/** What an instance says of its only interface, and how EC2 calls it in its refusal. */
const NAMES = {
  SubnetId: 'subnet ID',
  SecurityGroupIds: 'security groups',
  SecurityGroups: 'security groups',
  PrivateIpAddress: 'private IP address',
  Ipv6Addresses: 'IPv6 addresses',
  Ipv6AddressCount: 'IPv6 address count',
} as const;
const OF_INSTANCE = Object.keys(NAMES) as (keyof typeof NAMES)[];

export function parseInterfaces(input: Input): InterfaceWish {
  const specs = input.NetworkInterfaces ?? [];
  if (specs.length === 0) return ofInstance(input);
  const doubled = OF_INSTANCE.find((name) => input[name] !== undefined);
  if (doubled !== undefined) {
    throw invalidCombination(
      `Network interfaces and an instance-level ${NAMES[doubled]} may not be specified on the same request`,
    );
  }
  const all = specs.map(ofSpecification);
  checkTogether(specs, all);
  const [first, ...moreInterfaces] = all.toSorted((a, b) => a.deviceIndex - b.deviceIndex);
  return { ...first!, moreInterfaces };
}

function checkTogether(
  specs: readonly InstanceNetworkInterfaceSpecification[],
  all: readonly LaunchedInterface[],
): void {
  const indexes = new Set(all.map(({ deviceIndex }) => deviceIndex));
  if (indexes.size < all.length) {
    throw invalidCombination('Each network interface requires a unique device index.');
  }
  if (!indexes.has(0)) {
    throw invalidCombination('A network interface with device index 0 must be specified.');
  }
  if (specs.length > 1 && specs.some((spec) => spec.AssociatePublicIpAddress !== undefined)) {
    throw invalidCombination(
      'The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.',
    );
  }
}

function ofInstance(input: Input): InterfaceWish {
  const { SubnetId } = input;
  return {
    deviceIndex: 0,
    interfaceId: undefined,
    subnetId: SubnetId === undefined ? undefined : parseId(SUBNET, SubnetId, 'SubnetId'),
    groupIds: parseIds(GROUP, input.SecurityGroupIds, 'SecurityGroupId'),
    groupNames: input.SecurityGroups ?? [],
    ...parsePrivateAddresses({ PrivateIpAddress: input.PrivateIpAddress }),
    ...parseIpv6Wish(input),
    interfaceDescription: '',
    wantsPublicIp: undefined,
    deleteOnTermination: true,
    moreInterfaces: [],
  };
}

function ofSpecification(spec: InstanceNetworkInterfaceSpecification): LaunchedInterface {
  const others = Object.keys(spec).filter((name) => !OFFERED.includes(name));
  refuseParameters(spec, others, 'Use DeviceIndex, SubnetId, Groups and PrivateIpAddress.');
  const { DeviceIndex, SubnetId, InterfaceType = 'interface', NetworkCardIndex = 0 } = spec;
  if (DeviceIndex === undefined) {
    throw invalidValue('NetworkInterface', '', 'Each network interface requires a device index.');
  }
  checkDeviceIndex(DeviceIndex);
  if (NetworkCardIndex !== 0) throw notOffered('A second network card');
  if (InterfaceType !== 'interface') throw notOffered(`The interface type '${InterfaceType}'`);
  return {
    deviceIndex: DeviceIndex,
    interfaceId: parseExisting(spec),
    subnetId: SubnetId === undefined ? undefined : parseId(SUBNET, SubnetId, 'SubnetId'),
    groupIds: parseIds(GROUP, spec.Groups, 'Groups'),
    groupNames: [],
    ...parsePrivateAddresses(spec),
    ...parseIpv6Wish(spec),
    interfaceDescription: checkInterfaceDescription(spec.Description),
    wantsPublicIp: spec.AssociatePublicIpAddress,
    deleteOnTermination: spec.DeleteOnTermination ?? spec.NetworkInterfaceId === undefined,
  };
}

function parseExisting(spec: InstanceNetworkInterfaceSpecification) {
  if (spec.NetworkInterfaceId === undefined) return undefined;
  const ofNew = OF_NEW_IF_SET.find((name) => spec[name] === true);
  const doubled = ofNew ?? OF_NEW.find((name) => spec[name] !== undefined);
  if (doubled !== undefined) {
    throw invalidCombination(
      `A network interface ID and ${doubled} may not be specified for the same network interface`,
    );
  }
  return parseId(INTERFACE, spec.NetworkInterfaceId, 'NetworkInterfaceId');
}
