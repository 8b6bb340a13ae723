// Owns the paths between guests on two nodes, for the network's measurement: over VXLAN, and beside it between the two hosts
// themselves over the same cable, as fast as the machine is and over a wire that is slower than it.

import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import type { PortSpec } from '@ironbark/node/host/host-network.ts';
import type { Namespace } from '@ironbark/node/testing/guest-namespace.ts';
import { NodeFabric } from '@ironbark/node/testing/node-fabric.ts';
import {
  fromGroup,
  group,
  portIntent,
  vpcId,
  vpcIntent,
} from '@ironbark/node/testing/vpc-intent.ts';

export interface NodePath {
  name: string;
  from: string;
  to: string;
  address: string;
}

const CIDR = '10.220.0.0/16';
const SUBNET = {
  id: 'subnet-00000000000000001',
  cidr: '10.220.1.0/24',
  gatewayIp: '10.220.1.1',
} as const;
/** Slower than any processor that this runs on, so that the ratio is the wire's and not the machine's. */
const WIRE = ['tbf', 'rate', '250mbit', 'burst', '64kb', 'latency', '50ms'];

/** For each name the plain path first, then the guests'. */
export async function makeNodePaths(stack: AsyncDisposableStack): Promise<NodePath[]> {
  const fast = await makeFabric(stack, 'fast');
  const slow = await makeFabric(stack, 'slow');
  for (const { host } of slow.nodes) {
    await host.ip('link', 'set', 'eth0', 'txqueuelen', '1000');
    await host.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'root', ...WIRE);
  }
  return [
    ...(await pathsOf(fast, 'guest to guest on two nodes')),
    ...(await pathsOf(slow, 'guest to guest on two nodes, 250 Mb/s')),
  ];
}

async function makeFabric(stack: AsyncDisposableStack, label: string): Promise<NodeFabric> {
  return stack.use(await NodeFabric.create({ label: `bench-${label}`, nodes: 2 }));
}

async function pathsOf(fabric: NodeFabric, name: string): Promise<NodePath[]> {
  const [one, two] = fabric.nodes;
  const specs = [1, 2].map(portOf);
  const ports = specs.map((spec, at) =>
    portIntent(spec, [1], { nodeId: fabric.nodes[at]!.nodeId }),
  );
  const groups = [group(1, [fromGroup(1)])];
  const shape = { number: 1, cidr: CIDR, subnets: [SUBNET], groups, ports };
  const vpc = { ...vpcIntent(shape), locations: fabric.locations };
  const guests: Namespace[] = [];
  for (const [at, spec] of specs.entries()) {
    const { network } = fabric.nodes[at]!;
    await network.ensureSubnets([], [vpc]);
    guests.push(await fabric.plug(at + 1, spec, vpcId(1)));
    await network.ensureSubnets([], [vpc]);
  }
  const plain = { from: one!.host.name, to: two!.host.name, address: two!.underlayAddress };
  const guest = { from: guests[0]!.name, to: guests[1]!.name, address: specs[1]!.privateIp };
  return [plain, guest].map((path) => ({ name, ...path }));
}

function portOf(number: number): PortSpec {
  const id = String(number).padStart(17, '0');
  return {
    instanceId: `i-${id}`,
    interfaceId: `eni-${id}`,
    macAddress: `02:aa:00:02:00:0${number}`,
    privateIp: `10.220.1.${number + 4}`,
    hostname: `ip-10-220-1-${number + 4}.ec2.internal`,
    subnet: { ...SUBNET, vpcCidr: CIDR, domain: 'ec2.internal' },
    ...{ vcpus: 1, profile: PARAVIRTUAL },
  };
}
