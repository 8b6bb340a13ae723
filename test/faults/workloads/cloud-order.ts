// Owns what order means in a cloud at rest: what the API shows, what the node runs and what lies on the disks agree.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import type { DataPaths } from '../../../packages/cli/daemon/paths.ts';

type Reservations = NonNullable<Ec2Output<'DescribeInstances'>['Reservations']>;
type Instance = NonNullable<Reservations[number]['Instances']>[number];
type Volume = NonNullable<Ec2Output<'DescribeVolumes'>['Volumes']>[number];

/** Those that are wanted; terminated ones stay listed for a while. */
export async function listInstances(ec2: Ec2Client): Promise<Instance[]> {
  return (await listAll(ec2)).filter(
    ({ State }) => State?.Name !== 'terminated' && State?.Name !== 'shutting-down',
  );
}

async function listAll(ec2: Ec2Client): Promise<Instance[]> {
  const { Reservations = [] } = await ec2.call('DescribeInstances', {});
  return Reservations.flatMap(({ Instances = [] }) => Instances);
}

export async function listVolumes(ec2: Ec2Client): Promise<Volume[]> {
  const { Volumes = [] } = await ec2.call('DescribeVolumes', {});
  return Volumes.filter(({ State }) => State !== 'deleting');
}

export function nameOf({ Tags = [] }: Instance | Volume): string {
  return Tags.find(({ Key }) => Key === 'Name')?.Value ?? 'nameless';
}

/** A sentence for each thing that is on its way, or out of place. */
export async function findDisorder(ec2: Ec2Client, paths: DataPaths): Promise<string[]> {
  const instances = await listAll(ec2);
  const { Volumes: volumes = [] } = await ec2.call('DescribeVolumes', {});
  const running = instances.filter(({ State }) => State?.Name === 'running');
  const ids = running.map(({ InstanceId }) => InstanceId!);
  return [
    ...instances
      .filter((each) => !isAtRest(each))
      .map((each) => `${nameOf(each)} is ${each.State?.Name}`),
    ...volumes
      .filter((each) => !isVolumeAtRest(each))
      .map((each) => `${nameOf(each)} is ${each.State}`),
    ...compare('instance folders', ids, await list(join(paths.node, 'instances'))),
    ...compare('guests', ids, await list(join(paths.node, 'simulated-guests'), '.json')),
    ...compare(
      'volume files',
      volumes.map(({ VolumeId }) => VolumeId!),
      await list(join(paths.storage, 'volumes'), '.raw'),
    ),
  ];
}

function isAtRest({ State }: Instance): boolean {
  return State?.Name === 'running' || State?.Name === 'terminated';
}

function isVolumeAtRest({ State, Attachments = [] }: Volume): boolean {
  if (State === 'available') return true;
  return State === 'in-use' && Attachments.every((each) => each.State === 'attached');
}

function compare(what: string, expected: readonly string[], found: readonly string[]): string[] {
  return [
    ...found.filter((id) => !expected.includes(id)).map((id) => `${what}: ${id} is left over`),
    ...expected.filter((id) => !found.includes(id)).map((id) => `${what}: ${id} is missing`),
  ];
}

/** A name without the suffix stands for itself: it does not belong there. */
async function list(folder: string, suffix = ''): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.map((name) =>
    name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : name,
  );
}
