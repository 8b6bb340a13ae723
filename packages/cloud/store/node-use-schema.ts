// Owns the table of what is taken of each node, as a type.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';

export interface NodeUseTable {
  nodeId: NodeId;
  /** 1 once an instance of the node has changed since it was counted. */
  isStale: 0 | 1;
  vcpus: number;
  memoryMib: number;
  /** Of root disks that the node has still to make. */
  diskBytes: number;
  /** Whose instances it holds, as a list in JSON. */
  accounts: string;
  /** How many instances of which placement group, as pairs in JSON. */
  groups: string;
  /** What the node has beyond `memoryMib`. */
  freeMemoryMib: number;
}

export type NodeUseRow = Selectable<NodeUseTable>;
