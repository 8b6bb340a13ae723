// Owns how a launch describes its one network interface: by parameters of the instance, or as NetworkInterface.1.

import type { InstanceNetworkInterfaceSpecification } from '@aws-sdk/client-ec2';
import type { SecurityGroupId, SubnetId } from '@ironbark/core/ids.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { checkInterfaceDescription } from '../app/network-interfaces.ts';
import { invalidCombination, invalidValue, notOffered, refuseParameters } from '../app/refusals.ts';
import { GROUP, parseId, parseIds, SUBNET } from '../app/resource-ids.ts';

type Input = Ec2Input<'RunInstances'>;

export interface InterfaceWish {
  subnetId: SubnetId | undefined;
  groupIds: SecurityGroupId[];
  groupNames: readonly string[];
  privateIp: string | undefined;
  interfaceDescription: string;
  wantsPublicIp: boolean | undefined;
}

/** What an instance's only interface, which is made and goes with it, can be told. */
const OFFERED = [
  'DeviceIndex',
  'SubnetId',
  'Groups',
  'PrivateIpAddress',
  'Description',
  'DeleteOnTermination',
  'AssociatePublicIpAddress',
  'InterfaceType',
  'NetworkCardIndex',
];

export function parseInterface(input: Input): InterfaceWish {
  const [spec, second] = input.NetworkInterfaces ?? [];
  if (spec === undefined) return ofInstance(input);
  if (second !== undefined) {
    throw notOffered('A second network interface', 'An instance has one, at device index 0.');
  }
  const doubled = ['SubnetId', 'SecurityGroupIds', 'SecurityGroups', 'PrivateIpAddress'].find(
    (name) => input[name as keyof Input] !== undefined,
  );
  if (doubled !== undefined) {
    throw invalidCombination(
      `Network interfaces and an instance-level ${doubled} may not be specified on the same request`,
    );
  }
  return ofSpecification(spec);
}

function ofInstance(input: Input): InterfaceWish {
  const { SubnetId } = input;
  return {
    subnetId: SubnetId === undefined ? undefined : parseId(SUBNET, SubnetId, 'SubnetId'),
    groupIds: parseIds(GROUP, input.SecurityGroupIds, 'SecurityGroupId'),
    groupNames: input.SecurityGroups ?? [],
    privateIp: input.PrivateIpAddress,
    interfaceDescription: '',
    wantsPublicIp: undefined,
  };
}

function ofSpecification(spec: InstanceNetworkInterfaceSpecification): InterfaceWish {
  const others = Object.keys(spec).filter((name) => !OFFERED.includes(name));
  refuseParameters(spec, others, 'Use DeviceIndex 0, SubnetId, Groups and PrivateIpAddress.');
  const { DeviceIndex, SubnetId, InterfaceType = 'interface', NetworkCardIndex = 0 } = spec;
  if (DeviceIndex === undefined) {
    throw invalidValue('NetworkInterface', '', 'Each network interface requires a device index.');
  }
  if (DeviceIndex !== 0 || NetworkCardIndex !== 0) {
    throw notOffered('A network interface at another index than 0');
  }
  if (InterfaceType !== 'interface') throw notOffered(`The interface type '${InterfaceType}'`);
  if (spec.DeleteOnTermination === false) {
    throw notOffered('A network interface that outlives its instance');
  }
  return {
    subnetId: SubnetId === undefined ? undefined : parseId(SUBNET, SubnetId, 'SubnetId'),
    groupIds: parseIds(GROUP, spec.Groups, 'Groups'),
    groupNames: [],
    privateIp: spec.PrivateIpAddress,
    interfaceDescription: checkInterfaceDescription(spec.Description),
    wantsPublicIp: spec.AssociatePublicIpAddress,
  };
}
