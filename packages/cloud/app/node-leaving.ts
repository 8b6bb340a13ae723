// Owns how an instance comes off the node that it was on, with all that is open for it there.
//
//   stopped, started elsewhere:    node A -> node B (start-place.ts)
//   its node was removed:          node A -> none, stopped or waiting for a node again (gone-nodes.ts)
//   sent to a node that was gone:  node B -> none, placed anew (placement-return.ts)
//
// Nothing runs there by then, or nobody can tell any more. What fences it is the storage: it closes a volume to the one
// before it opens it to the other (decision 0043).

import type { NodeId } from '@ironbark/core/ids.ts';
import { listAttachmentsOf, updateAttachment } from '../store/attachments.ts';
import { listInterfacesOf } from '../store/network-interfaces.ts';
import { markUseStale } from '../store/node-use.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Change } from './change.ts';
import { touchPorts } from './vpc-changes.ts';

/** Columns of an instance of which no node has said anything. */
export function placedOn(nodeId: NodeId | null) {
  return { nodeId, observed: null, observedPower: null };
}

/**
 * For the change that puts it on another node or on none: its volumes are offered anew once the storage has opened them
 * there, and the ports of its interfaces are looked for where it is then.
 */
export async function leaveNode(
  change: Change,
  { id, vpcId }: Pick<InstanceRow, 'id' | 'vpcId'>,
): Promise<void> {
  const { tx, touched } = change;
  await markUseStale(tx, id);
  const interfaces = await listInterfacesOf(tx, id);
  await touchPorts(
    change,
    vpcId,
    interfaces.map((one) => one.id),
  );
  for (const attachment of await listAttachmentsOf(tx, id)) {
    // Who has not heard of the volume there has nothing to let go of.
    await updateAttachment(tx, attachment, { offeredExport: null, withdrawnGeneration: null });
    touched.volumes.add(attachment.volumeId);
  }
  touched.instances.add(id);
}
