// Owns how a person names an instance: by id, by its Name tag, or not at all when there is just one.

import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { Problem } from './problem.ts';

type Reservation = NonNullable<Ec2Output<'DescribeInstances'>['Reservations']>[number];
export type DescribedInstance = NonNullable<Reservation['Instances']>[number] & {
  InstanceId: string;
};

const LIVE_STATES = ['pending', 'running', 'stopping', 'stopped'];

export async function listInstances(ec2: Ec2Client): Promise<DescribedInstance[]> {
  const found: DescribedInstance[] = [];
  let nextToken: string | undefined;
  do {
    const page = await ec2.call('DescribeInstances', {
      Filters: [{ Name: 'instance-state-name', Values: LIVE_STATES }],
      MaxResults: 1000,
      ...(nextToken === undefined ? {} : { NextToken: nextToken }),
    });
    for (const reservation of page.Reservations ?? []) {
      for (const instance of reservation.Instances ?? []) {
        if (instance.InstanceId !== undefined) found.push(instance as DescribedInstance);
      }
    }
    nextToken = page.NextToken;
  } while (nextToken !== undefined && nextToken !== '');
  return found;
}

/** `self` is how the person calls us. */
export async function findInstance(
  ec2: Ec2Client,
  target: string | undefined,
  self: string,
): Promise<DescribedInstance> {
  const all = await listInstances(ec2);
  const matching =
    target === undefined ? all : all.filter((instance) => isCalled(instance, target));
  if (matching.length === 1) return matching[0]!;
  const listed = all.map(
    (instance) => `${instance.InstanceId}  ${nameOf(instance) ?? ''}  ${instance.State?.Name}`,
  );
  if (all.length === 0) throw new Problem('there are no instances', [`make one: ${self} launch`]);
  const what =
    target === undefined
      ? 'say which instance'
      : `${matching.length === 0 ? 'no instance' : 'more than one instance'} is called ${target}`;
  throw new Problem(what, listed);
}

function isCalled(instance: DescribedInstance, target: string): boolean {
  return instance.InstanceId === target || nameOf(instance) === target;
}

export function nameOf(instance: DescribedInstance): string | undefined {
  return instance.Tags?.find((tag) => tag.Key === 'Name')?.Value;
}
