// Owns telling that something of a network interface has changed: its VPC, and the instance whose guest reads of it.

import { raiseGeneration } from '../store/instances.ts';
import type { InterfaceRow } from '../store/schema.ts';
import type { Change } from './change.ts';
import { touchPorts } from './vpc-changes.ts';

/** Its addresses, or its groups. */
export async function tellOfInterface(
  change: Change,
  { id, vpcId, instanceId }: Pick<InterfaceRow, 'id' | 'vpcId' | 'instanceId'>,
): Promise<void> {
  await touchPorts(change, vpcId, [id]);
  if (instanceId === '') return;
  await raiseGeneration(change.tx, instanceId);
  change.touched.instances.add(instanceId);
}
