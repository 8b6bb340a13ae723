// Owns the list of what an account has, of every kind: what an outside suite made and did not take away is what is there
// afterwards and was not before.

import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { EC2 } from '@aws-sdk/client-ec2';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { clientOptions } from '../support/clients.ts';
import type { CloudUnderTest } from '../support/cloud-under-test.ts';

type Listed = readonly (string | undefined)[] | undefined;

const OWN = ['self'];

function ec2Lists(ec2: EC2): Promise<Listed>[] {
  return [
    ec2.describeInstances().then(({ Reservations }) =>
      Reservations?.flatMap(({ Instances }) => Instances ?? [])
        .filter(({ State }) => State?.Name !== 'terminated')
        .map(({ InstanceId }) => InstanceId),
    ),
    ec2.describeVolumes().then(({ Volumes }) => Volumes?.map((one) => one.VolumeId)),
    ec2
      .describeSnapshots({ OwnerIds: OWN })
      .then(({ Snapshots }) => Snapshots?.map((one) => one.SnapshotId)),
    ec2.describeImages({ Owners: OWN }).then(({ Images }) => Images?.map((one) => one.ImageId)),
    ec2.describeKeyPairs().then(({ KeyPairs }) => KeyPairs?.map((one) => one.KeyPairId)),
    ec2
      .describePlacementGroups()
      .then(({ PlacementGroups }) => PlacementGroups?.map((one) => one.GroupId)),
    ec2
      .describeLaunchTemplates()
      .then(({ LaunchTemplates }) => LaunchTemplates?.map((one) => one.LaunchTemplateId)),
  ];
}

function networkLists(ec2: EC2): Promise<Listed>[] {
  return [
    ec2.describeVpcs().then(({ Vpcs }) => Vpcs?.map((one) => one.VpcId)),
    ec2.describeSubnets().then(({ Subnets }) => Subnets?.map((one) => one.SubnetId)),
    ec2
      .describeInternetGateways()
      .then(({ InternetGateways }) => InternetGateways?.map((one) => one.InternetGatewayId)),
    ec2
      .describeRouteTables()
      .then(({ RouteTables }) => RouteTables?.map((one) => one.RouteTableId)),
    ec2
      .describeNatGateways()
      .then(({ NatGateways }) =>
        NatGateways?.filter(({ State }) => State !== 'deleted').map((one) => one.NatGatewayId),
      ),
    ec2.describeAddresses().then(({ Addresses }) => Addresses?.map((one) => one.AllocationId)),
    ec2
      .describeSecurityGroups()
      .then(({ SecurityGroups }) => SecurityGroups?.map((one) => one.GroupId)),
    ec2
      .describeNetworkInterfaces()
      .then(({ NetworkInterfaces }) => NetworkInterfaces?.map((one) => one.NetworkInterfaceId)),
  ];
}

function iamLists(iam: IAM): Promise<Listed>[] {
  return [
    iam.listUsers().then(({ Users }) => Users?.map((one) => one.Arn)),
    iam.listGroups().then(({ Groups }) => Groups?.map((one) => one.Arn)),
    iam.listRoles().then(({ Roles }) => Roles?.map((one) => one.Arn)),
    iam.listPolicies({ Scope: 'Local' }).then(({ Policies }) => Policies?.map((one) => one.Arn)),
    iam
      .listInstanceProfiles()
      .then(({ InstanceProfiles }) => InstanceProfiles?.map((one) => one.Arn)),
  ];
}

/** One page of each is more than a suite makes. */
export async function listHoldings(cloud: CloudUnderTest): Promise<string[]> {
  const options = clientOptions(cloud);
  const ec2 = new EC2(options);
  const s3 = new S3({ ...options, forcePathStyle: true });
  const metrics = new CloudWatch(options);
  const lists = await Promise.all([
    ...ec2Lists(ec2),
    ...networkLists(ec2),
    ...iamLists(new IAM(options)),
    s3.listBuckets().then(({ Buckets }) => Buckets?.map((one) => `s3://${one.Name}`)),
    metrics.describeAlarms().then(({ MetricAlarms }) => MetricAlarms?.map((one) => one.AlarmArn)),
  ]);
  return lists.flatMap((list) => (list ?? []).filter((one) => one !== undefined)).sort();
}
