// Owns the table of placement groups as a type.

import type { AccountId, PlacementGroupId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';

/** `cluster`: near each other, on as few nodes as hold them. `spread`: no two on one node. */
export type PlacementStrategy = 'cluster' | 'spread';

export interface PlacementGroupTable {
  id: PlacementGroupId;
  accountId: AccountId;
  name: string;
  strategy: PlacementStrategy;
  createdAt: number;
}

export type PlacementGroupRow = Selectable<PlacementGroupTable>;
