// Two clouds on one host at the same time, each with a real guest: neither notices the other. The second lies behind
// a folder that only root may enter, where its guests, which are users of their own, have to work all the same.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import {
  assertSameHost,
  guestPid,
  type HostSnapshot,
  processesNaming,
  snapshotHost,
} from '../support/host-snapshot.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root for bridges and taps';

let parent: string;
let first: CloudUnderTest;
let second: CloudUnderTest;
let hostBefore: HostSnapshot;
const guests = { first: '', second: '' };

before(async () => {
  if (skip !== false) return;
  // mkdtemp makes it 0700.
  parent = await mkdtemp('/var/tmp/ironbark-test-');
  hostBefore = await snapshotHost(parent);
});
after(async () => {
  await first?.[Symbol.asyncDispose]();
  await second?.[Symbol.asyncDispose]();
  if (parent !== undefined) await rm(parent, { recursive: true, force: true });
});

test('a second cloud comes up beside the first, with a port and a network of its own', {
  skip,
}, async () => {
  first = await CloudUnderTest.start();
  second = await CloudUnderTest.start({ dataDir: join(parent, 'cloud') });
  const [one, other] = [await first.status(), await second.status()];
  assert.notEqual(one.endpoint, other.endpoint);
  assert.notEqual(one.config.vpcCidr, other.config.vpcCidr);
  assert.notEqual(one.accountId, other.accountId);
});

test('each has a guest that answers, and knows nothing of the other’s', { skip }, async () => {
  [guests.first, guests.second] = await Promise.all([launch(first), launch(second)]);
  for (const [cloud, id] of [
    [first, guests.first],
    [second, guests.second],
  ] as const) {
    const { node, config } = await cloud.status();
    assert.deepEqual(
      node.instances.map((instance) => instance.id),
      [id],
    );
    const [network] = config.vpcCidr.split('.0.0/');
    assert.match(await cloud.ssh(id, 'ip -4 addr show eth0'), new RegExp(`inet ${network}[.]`));
  }
});

test('a guest behind a folder that it may not enter gets a volume', { skip }, async () => {
  const ec2 = second.ec2();
  const AvailabilityZone = `${second.credentials.region}a`;
  const { VolumeId } = await ec2.call('CreateVolume', { AvailabilityZone, Size: 1 });
  await eventually('the volume', async () => {
    const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [VolumeId!] });
    return Volumes?.[0]?.State === 'available';
  });
  const attachment = { VolumeId: VolumeId!, InstanceId: guests.second, Device: '/dev/sdf' };
  await ec2.call('AttachVolume', attachment);
  const find = `grep -l ^${VolumeId!.replace('-', '')} /sys/block/vd*/serial || true`;
  await eventually('the disk', async () => found(await second.ssh(guests.second, find)));
});

test('a guest in a VPC of its own is reached by its public address, as long as its groups let it be', {
  skip,
}, async () => {
  const ec2 = first.ec2();
  const { NetworkInterfaceId, PublicIp, GroupId } = await launchApart(first);
  const ping = async () =>
    (
      await first.ssh(guests.first, `ping -c 1 -W 2 ${PublicIp} > /dev/null && echo yes || true`)
    ).trim();
  const IpRanges = [{ CidrIp: '0.0.0.0/0' }];
  const IpPermissions = [{ IpProtocol: 'icmp', FromPort: 8, ToPort: -1, IpRanges }];
  await ec2.call('AuthorizeSecurityGroupIngress', { GroupId, IpPermissions });
  await eventually(`an answer of ${NetworkInterfaceId}`, async () => (await ping()) === 'yes');
  await ec2.call('RevokeSecurityGroupIngress', { GroupId, IpPermissions });
  await eventually('no answer', async () => (await ping()) === '');
});

test('the first goes, and the second and its guest run on', { skip }, async () => {
  const uptimeBefore = await uptime();
  const pid = guestPid(guests.second);
  await first.ironbark('purge', '--yes');
  assert.deepEqual(processesNaming(first.dataDir), []);
  assert.equal(guestPid(guests.second), pid);
  assert.ok((await uptime()) > uptimeBefore);
  await second.ssh(guests.second, 'wget -q -O /dev/null http://169.254.169.254/ || true');
  assert.equal((await second.status()).node.instances[0]?.power, 'running');
});

test('nothing is left of either', { skip }, async () => {
  await second.ironbark('purge', '--yes');
  await rm(first.dataDir, { recursive: true, force: true });
  assert.deepEqual(processesNaming(parent), []);
  assertSameHost(hostBefore, await snapshotHost(parent));
});

async function launch(cloud: CloudUnderTest): Promise<string> {
  return (await cloud.json<{ instanceId: string }>('launch', '--name', 'web')).instanceId;
}

/** In a VPC of its own, with a public address, and a group that lets nothing in. */
async function launchApart(cloud: CloudUnderTest) {
  const ec2 = cloud.ec2();
  const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds: [guests.first] });
  const { ImageId, InstanceType } = Reservations![0]!.Instances![0]!;
  // The default VPC's own block, or any other: its name space knows no other VPC.
  const CidrBlock = '10.199.0.0/24';
  const VpcId = (await ec2.call('CreateVpc', { CidrBlock })).Vpc!.VpcId!;
  const SubnetId = (await ec2.call('CreateSubnet', { VpcId, CidrBlock })).Subnet!.SubnetId!;
  const gateway = await ec2.call('CreateInternetGateway', {});
  const GatewayId = gateway.InternetGateway!.InternetGatewayId!;
  await ec2.call('AttachInternetGateway', { VpcId, InternetGatewayId: GatewayId });
  const tables = await ec2.call('DescribeRouteTables', {
    Filters: [{ Name: 'vpc-id', Values: [VpcId] }],
  });
  const RouteTableId = tables.RouteTables![0]!.RouteTableId!;
  const DestinationCidrBlock = '0.0.0.0/0';
  await ec2.call('CreateRoute', { RouteTableId, DestinationCidrBlock, GatewayId });
  const run = {
    ImageId: ImageId!,
    InstanceType: InstanceType!,
    SubnetId,
    MinCount: 1,
    MaxCount: 1,
  };
  const { Instances } = await ec2.call('RunInstances', run);
  const [nic] = Instances![0]!.NetworkInterfaces!;
  const NetworkInterfaceId = nic!.NetworkInterfaceId!;
  const { AllocationId, PublicIp } = await ec2.call('AllocateAddress', {});
  await ec2.call('AssociateAddress', { AllocationId: AllocationId!, NetworkInterfaceId });
  return { NetworkInterfaceId, PublicIp: PublicIp!, GroupId: nic!.Groups![0]!.GroupId! };
}

function found(output: string): string | undefined {
  return output.trim() === '' ? undefined : output.trim();
}

async function uptime(): Promise<number> {
  return Number((await second.ssh(guests.second, 'cut -d" " -f1 /proc/uptime')).trim());
}
