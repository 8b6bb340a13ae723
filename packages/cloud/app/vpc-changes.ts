// Owns telling that something of a VPC has changed: its document gets a new generation, in the change's transaction.

import type { VpcId } from '@ironbark/core/ids.ts';
import { raiseVpcGeneration } from '../store/networks.ts';
import type { Change } from './change.ts';

/** Once in a change is enough, however much of it changes. */
export async function touchVpc({ tx, nowMs, touched }: Change, id: VpcId): Promise<void> {
  if (touched.vpcs.has(id)) return;
  touched.vpcs.add(id);
  await raiseVpcGeneration(tx, id, nowMs);
}
