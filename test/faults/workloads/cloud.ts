// Owns the workload of the whole cloud in one process, on simulated guests: instances, volumes, attachments and key
// pairs through the EC2 API. Every service's store, and what they say to each other, is in it.

import { createServer } from 'node:net';
import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { createEc2Client, type Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { CloudConfig } from '../../../packages/cli/cloud-config.ts';
import { composeCloud, type EmbeddedCloud } from '../../../packages/cli/daemon/compose.ts';
import { type DataPaths, dataPaths } from '../../../packages/cli/daemon/paths.ts';
import { ensureImage } from './cloud-image.ts';
import { findDisorder, listInstances, listVolumes, nameOf } from './cloud-order.ts';
import { silent } from './objects.ts';
import type { Value } from './promises.ts';
import { REGION } from './signed-s3.ts';
import type { OpenWorkload, WorkloadInput } from './workload.ts';

const HOST = '127.0.0.1';
/** Restarted guests, volumes that are made: all of it takes a moment on a busy host. */
const ORDER_TIMEOUT_MS = 40_000;
const POLL_MS = 20;

interface Parts {
  embedded: EmbeddedCloud;
  paths: DataPaths;
  ec2: Ec2Client;
  imageId: string;
  input: WorkloadInput;
}

export async function openCloud(input: WorkloadInput): Promise<OpenWorkload> {
  const paths = dataPaths(join(input.folder, 'cloud'));
  const embedded = await compose(paths);
  const { accessKeyId, secretAccessKey } = await embedded.cloud.adminKey();
  const key = { accessKeyId, secretAccessKey };
  const { endpoint } = embedded;
  const nowMs = () => systemClock.nowMs();
  const ec2 = createEc2Client({ endpoint, region: REGION, ...key, nowMs });
  const imageId = await ensureImage(ec2, endpoint, key);
  const parts = { embedded, paths, ec2, imageId, input };
  return {
    read: () => readAll(parts),
    findFaults: () => untilOrder(parts),
    write: async () => {
      for (;;) await useCloud(parts);
    },
    script: () => useCloud(parts),
    halt: () => embedded.halt(),
  };
}

async function compose(paths: DataPaths): Promise<EmbeddedCloud> {
  const config: CloudConfig = {
    format: 'ironbark-config/1',
    cloudId: 'crash',
    nodeId: 'node-crash',
    region: REGION,
    host: HOST,
    port: await findPort(),
    hypervisor: 'simulated',
    network: 'simulated',
    vpcCidr: '172.31.0.0/16',
  };
  const parts = { clock: systemClock, random: systemRandom, commands: systemCommands };
  return await composeCloud({ config, version: 'test', paths, logger: silent, ...parts });
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** What does not come in order in time, a sentence each. */
async function untilOrder(parts: Parts): Promise<string[]> {
  let disorder: string[] = [];
  const isOrdered = async () => {
    if (!parts.embedded.cloud.isQuiet() || !parts.embedded.node.isQuiet()) return false;
    disorder = await findDisorder(parts.ec2, parts.paths);
    return disorder.length === 0;
  };
  const options = { clock: systemClock, timeoutMs: ORDER_TIMEOUT_MS, intervalMs: POLL_MS };
  try {
    await waitFor(isOrdered, { ...options, what: 'order' });
    return [];
  } catch {
    return disorder.length > 0 ? disorder : ['the controllers do not come to rest'];
  }
}

async function readAll({ ec2 }: Parts): Promise<Record<string, Value>> {
  const values: Record<string, Value> = {};
  const add = (name: string) => {
    values[name] = values[name] === undefined ? 'there' : 'there twice';
  };
  for (const instance of await listInstances(ec2)) add(nameOf(instance));
  for (const volume of await listVolumes(ec2)) {
    add(nameOf(volume));
    if ((volume.Attachments ?? []).length > 0) values[`${nameOf(volume)} attached`] = 'there';
  }
  const { KeyPairs = [] } = await ec2.call('DescribeKeyPairs', {});
  for (const { KeyName } of KeyPairs) add(KeyName!);
  return values;
}

/** Removes what earlier sessions left, then makes one of each kind. */
async function useCloud(parts: Parts): Promise<void> {
  const { ec2, input } = parts;
  await removeAll(parts);
  const [vm, volume, key] = ['vm', 'volume', 'key'].map((kind) => `${kind}-${input.session}`);
  const { promise } = input;
  await promise({ [key!]: 'there' }, () => ec2.call('CreateKeyPair', { KeyName: key! }));
  const launch: Ec2Input<'RunInstances'> = {
    ImageId: parts.imageId,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    ClientToken: vm!,
    TagSpecifications: named('instance', vm!),
  };
  await promise({ [vm!]: 'there' }, () => ec2.call('RunInstances', launch));
  // As a client does that has not heard the answer.
  const { Instances } = await ec2.call('RunInstances', launch);
  const order = { Size: 1, AvailabilityZone: `${REGION}a`, ClientToken: volume! };
  const create = { ...order, TagSpecifications: named('volume', volume!) };
  let VolumeId = '';
  await promise({ [volume!]: 'there' }, async () => {
    VolumeId = (await ec2.call('CreateVolume', create)).VolumeId!;
  });
  await untilOrder(parts);
  const attach = { VolumeId, InstanceId: Instances![0]!.InstanceId!, Device: '/dev/sdf' };
  await promise({ [`${volume} attached`]: 'there' }, () => ec2.call('AttachVolume', attach));
}

function named(
  kind: 'instance' | 'volume',
  name: string,
): NonNullable<Ec2Input<'RunInstances'>['TagSpecifications']> {
  return [{ ResourceType: kind, Tags: [{ Key: 'Name', Value: name }] }];
}

async function removeAll(parts: Parts): Promise<void> {
  const { ec2, input } = parts;
  const { promise } = input;
  const volumes = await listVolumes(ec2);
  const attached = volumes.filter(({ Attachments = [] }) => Attachments.length > 0);
  const freed = attached.map((each) => [`${nameOf(each)} attached`, null] as const);
  for (const instance of await listInstances(ec2)) {
    const gone = { [nameOf(instance)]: null, ...Object.fromEntries(freed) };
    const InstanceIds = [instance.InstanceId!];
    await promise(gone, () => ec2.call('TerminateInstances', { InstanceIds }));
  }
  await untilOrder(parts);
  for (const volume of volumes) {
    const VolumeId = volume.VolumeId!;
    await promise({ [nameOf(volume)]: null }, () => ec2.call('DeleteVolume', { VolumeId }));
  }
  const { KeyPairs = [] } = await ec2.call('DescribeKeyPairs', {});
  for (const { KeyName } of KeyPairs) {
    await promise({ [KeyName!]: null }, () => ec2.call('DeleteKeyPair', { KeyName: KeyName! }));
  }
}
