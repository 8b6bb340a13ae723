// Owns telling that something of a VPC has changed: its document gets a new generation, in the change's transaction. Of its
// ports those are told again that somebody named here, of everything else all.

import type { InterfaceId, VpcId } from '@ironbark/core/ids.ts';
import { raiseVpcGeneration } from '../store/networks.ts';
import { insertPortChanges } from '../store/port-changes.ts';
import type { Change } from './change.ts';

/** But for its ports: blocks, subnets, routes, groups and their rules, ACLs. Once in a change is enough, however much of it changes. */
export async function touchVpc({ tx, nowMs, touched }: Change, id: VpcId): Promise<void> {
  if (touched.vpcs.has(id)) return;
  touched.vpcs.add(id);
  await raiseVpcGeneration(tx, id, nowMs);
}

/** Interfaces of it that came, went, or are different: their node, addresses, groups or what they check. */
export async function touchPorts(
  change: Change,
  id: VpcId,
  interfaceIds: readonly InterfaceId[],
): Promise<void> {
  await touchVpc(change, id);
  await insertPortChanges(change.tx, id, interfaceIds);
}
