// Owns one of everything that an account can have, made through the APIs of a simulated cloud.

import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { createEc2Client, type Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { manifestOf } from '@ironbark/protocol/internal/testing/pretend-image.ts';
import { type AccountNetwork, makeAccountNetwork } from './account-network.ts';
import { type Answer, type Caller, callIam, type Key, send } from './signed-call.ts';

export interface AccountResources extends AccountNetwork {
  key: Key;
  caller: Caller;
  /** Stands in every name that this account chose. */
  mark: string;
  image: string;
  running: string;
  stopped: string;
  /** In use by nobody. */
  volume: string;
  /** Attached to `running`. */
  attached: string;
  snapshot: string;
  /** In governance mode. */
  locked: string;
  keyPair: string;
  keyName: string;
  template: string;
  templateName: string;
  placementGroup: string;
  placementName: string;
  /** Of an instance profile, whose role has the same name. */
  profile: string;
  /** Of that profile with `running`. */
  association: string;
  vpc: string;
  subnet: string;
  group: string;
  rule: string;
  networkInterface: string;
  interfaceAttachment: string;
  bucket: string;
  object: string;
  /** Its policy lets flow logs in; `bucket` has none. */
  logBucket: string;
  uploadId: string;
  /** Of the image's manifest: bucket and key. */
  location: string;
}

export const DEVICE = '/dev/sdf';
const ROOT = Buffer.alloc(4096);

export async function makeAccountResources(
  caller: Caller & { key: Key },
  mark: string,
): Promise<AccountResources> {
  const { endpoint, region, key } = caller;
  const ec2 = createEc2Client({ endpoint, region, ...key, nowMs: () => systemClock.nowMs() });
  const names = {
    bucket: `${mark}-bucket`,
    logBucket: `${mark}-logs`,
    object: `${mark}/object`,
    keyName: `${mark}-key`,
    templateName: `${mark}-template`,
    placementName: `${mark}-placement`,
  };
  const s3 = await makeObjects(caller, names.bucket, names.object);
  await sendS3(caller, 'PUT', `/${names.logBucket}`);
  const location = `${names.bucket}/manifest.json`;
  const { ImageId: image } = await ec2.call('RegisterImage', {
    Name: `${mark} image`,
    ImageLocation: location,
    BlockDeviceMappings: [{ DeviceName: '/dev/vda', Ebs: { VolumeType: 'gp3' } }],
  });
  await settled(`${image} available`, async () => {
    const { Images } = await ec2.call('DescribeImages', { ImageIds: [image!] });
    return Images![0]!.State === 'available';
  });
  const { KeyPairId: keyPair } = await ec2.call('CreateKeyPair', { KeyName: names.keyName });
  const grouping = await makeGrouping(ec2, names, image!);
  const profile = await makeProfile(caller, `${mark}-profile`);
  const launch = { ImageId: image!, KeyName: names.keyName, IamInstanceProfile: { Name: profile } };
  const [running, stopped] = await launchTwo(ec2, launch);
  const volumes = await makeVolumes(ec2, region, running!);
  await ec2.call('StopInstances', { InstanceIds: [stopped!] });
  await ec2.call('CreateTags', {
    Resources: [running!, volumes.volume],
    Tags: [{ Key: 'mark', Value: mark }],
  });
  await until(ec2, running!, 'running');
  await until(ec2, stopped!, 'stopped');
  const network = {
    ...(await readNetwork(ec2, running!)),
    ...(await makeAccountNetwork(ec2, names.logBucket)),
  };
  const association = await findAssociation(ec2, running!);
  return {
    ...{ key, caller, mark, image: image!, running: running!, stopped: stopped!, location },
    ...{
      keyPair: keyPair!,
      ...names,
      ...s3,
      ...volumes,
      ...network,
      ...grouping,
      profile,
      association,
    },
  };
}

/** An instance profile with a role. */
async function makeProfile(caller: Caller, profile: string): Promise<string> {
  const Principal = { Service: 'ec2.amazonaws.com' };
  const Statement = { Effect: 'Allow', Action: 'sts:AssumeRole', Principal };
  const AssumeRolePolicyDocument = JSON.stringify({ Statement });
  const link = { InstanceProfileName: profile, RoleName: profile };
  await callIam(caller, 'CreateRole', { RoleName: profile, AssumeRolePolicyDocument });
  await callIam(caller, 'CreateInstanceProfile', { InstanceProfileName: profile });
  await callIam(caller, 'AddRoleToInstanceProfile', link);
  return profile;
}

async function findAssociation(ec2: Ec2Client, instance: string): Promise<string> {
  const { IamInstanceProfileAssociations } = await ec2.call(
    'DescribeIamInstanceProfileAssociations',
    { Filters: [{ Name: 'instance-id', Values: [instance] }] },
  );
  return IamInstanceProfileAssociations![0]!.AssociationId!;
}

/** A launch template of two versions, and a placement group. */
async function makeGrouping(
  ec2: Ec2Client,
  { templateName, placementName }: Pick<AccountResources, 'templateName' | 'placementName'>,
  image: string,
) {
  const { LaunchTemplate } = await ec2.call('CreateLaunchTemplate', {
    LaunchTemplateName: templateName,
    LaunchTemplateData: { ImageId: image },
  });
  const template = LaunchTemplate!.LaunchTemplateId!;
  await ec2.call('CreateLaunchTemplateVersion', {
    LaunchTemplateId: template,
    LaunchTemplateData: { ImageId: image, InstanceType: 't3.nano' },
  });
  const { PlacementGroup } = await ec2.call('CreatePlacementGroup', {
    GroupName: placementName,
    Strategy: 'spread',
  });
  return { template, placementGroup: PlacementGroup!.GroupId! };
}

async function makeObjects(caller: Caller, bucket: string, object: string) {
  await sendS3(caller, 'PUT', `/${bucket}`);
  await sendS3(caller, 'PUT', `/${bucket}/${object}`, 'what nobody else may read');
  await sendS3(caller, 'PUT', `/${bucket}/root.raw`, ROOT.toString('latin1'));
  const manifest = manifestOf(ROOT, { key: 'root.raw', minMemoryMib: 1 });
  await sendS3(caller, 'PUT', `/${bucket}/manifest.json`, JSON.stringify(manifest));
  const { text } = await sendS3(caller, 'POST', `/${bucket}/${object}?uploads`);
  return { uploadId: /<UploadId>([^<]+)</.exec(text)![1]! };
}

async function sendS3(caller: Caller, method: string, target: string, body = ''): Promise<Answer> {
  const answer = await send(caller, { service: 's3', method, target, body });
  if (answer.status < 300) return answer;
  throw new Error(`${method} ${target}: ${answer.status} ${answer.text}`);
}

type Launch = Ec2Input<'RunInstances'>;

async function launchTwo(
  ec2: Ec2Client,
  launch: Omit<Launch, 'MinCount' | 'MaxCount'>,
): Promise<string[]> {
  const { Instances } = await ec2.call('RunInstances', {
    ...launch,
    InstanceType: 't3.nano',
    MinCount: 2,
    MaxCount: 2,
  });
  const ids = Instances!.map((instance) => instance.InstanceId!);
  for (const id of ids) await until(ec2, id, 'running');
  return ids;
}

async function makeVolumes(ec2: Ec2Client, region: string, instance: string) {
  const make = async () => {
    const request = { AvailabilityZone: `${region}a`, Size: 1 };
    const id = (await ec2.call('CreateVolume', request)).VolumeId!;
    await settled(`${id} available`, async () => (await volumeState(ec2, id)) === 'available');
    return id;
  };
  const [volume, attached] = [await make(), await make()];
  const where = { InstanceId: instance, Device: DEVICE };
  await ec2.call('AttachVolume', { VolumeId: attached, ...where });
  await settled(`${attached} in use`, async () => {
    const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [attached] });
    return Volumes![0]!.Attachments![0]?.State === 'attached';
  });
  const { SnapshotId } = await ec2.call('CreateSnapshot', { VolumeId: volume });
  await settled(`${SnapshotId} completed`, async () => {
    const { Snapshots } = await ec2.call('DescribeSnapshots', { SnapshotIds: [SnapshotId!] });
    return Snapshots![0]!.State === 'completed';
  });
  const locked = await lockCopy(ec2, region, SnapshotId!);
  return { volume, attached, snapshot: SnapshotId!, locked };
}

async function lockCopy(ec2: Ec2Client, region: string, snapshot: string): Promise<string> {
  const wish = { SourceRegion: region, SourceSnapshotId: snapshot };
  const { SnapshotId } = await ec2.call('CopySnapshot', wish);
  const lock = { SnapshotId: SnapshotId!, LockMode: 'governance', LockDuration: 1 } as const;
  await ec2.call('LockSnapshot', lock);
  return SnapshotId!;
}

async function volumeState(ec2: Ec2Client, id: string): Promise<string | undefined> {
  return (await ec2.call('DescribeVolumes', { VolumeIds: [id] })).Volumes![0]!.State;
}

function until(ec2: Ec2Client, id: string, state: string): Promise<unknown> {
  return settled(`${id} ${state}`, async () => {
    const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds: [id] });
    return Reservations![0]!.Instances![0]!.State!.Name === state;
  });
}

function settled(what: string, condition: () => Promise<boolean>): Promise<unknown> {
  return waitFor(condition, { clock: systemClock, timeoutMs: 60_000, intervalMs: 50, what });
}

async function readNetwork(ec2: Ec2Client, instance: string) {
  const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds: [instance] });
  const { VpcId, SubnetId, SecurityGroups, NetworkInterfaces } = Reservations![0]!.Instances![0]!;
  const { SecurityGroupRules } = await ec2.call('DescribeSecurityGroupRules', {});
  return {
    vpc: VpcId!,
    subnet: SubnetId!,
    group: SecurityGroups![0]!.GroupId!,
    rule: SecurityGroupRules![0]!.SecurityGroupRuleId!,
    networkInterface: NetworkInterfaces![0]!.NetworkInterfaceId!,
    interfaceAttachment: NetworkInterfaces![0]!.Attachment!.AttachmentId!,
  };
}
