// Owns which volumes the nodes on other hosts can have: they are served on one host of the cloud, and others come in by
// gates (decision 0030).

import type { AttachMode } from '@ironbark/core/io-profile.ts';
import { findNode } from '../store/nodes.ts';
import type { AttachmentRow, InstanceRow, NodeRow, VolumeRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { refuse } from './refusals.ts';

/** Before an instance gets a volume in this way. */
export async function checkVolumesReach(
  tx: Queries,
  { id, nodeId }: Pick<InstanceRow, 'id' | 'nodeId'>,
  use: Pick<VolumeRow, 'multiAttachEnabled'> & { attachMode: AttachMode },
): Promise<void> {
  const node = await findFarNode(tx, nodeId);
  if (node === undefined) return;
  const what = whatCannot(use);
  if (node.opensGates === 1 && what === undefined) return;
  const which = node.opensGates === 1 ? what : 'volumes';
  throw refuse(
    'unsupported',
    'instance',
    `Instance '${id}' runs on the node ${node.hostname}; ${which} can be attached to instances on the front end's own node only.`,
  );
}

/** So it was when it was attached. */
export function comesByGate(
  use: Pick<AttachmentRow, 'attachMode'> & Partial<Pick<AttachmentRow, 'shared'>>,
): boolean {
  return use.attachMode !== 'guest' && use.shared !== 1;
}

function whatCannot(use: Parameters<typeof checkVolumesReach>[2]): string | undefined {
  if (use.multiAttachEnabled === 1) return 'Multi-Attach enabled volumes';
  return use.attachMode === 'guest' ? "volumes with the attach mode 'guest'" : undefined;
}

async function findFarNode(
  tx: Queries,
  nodeId: InstanceRow['nodeId'],
): Promise<NodeRow | undefined> {
  const node = nodeId === null ? undefined : await findNode(tx, nodeId);
  return node?.reachesVolumes === 0 ? node : undefined;
}
