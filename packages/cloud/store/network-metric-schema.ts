// Owns the columns of what instances' network cards did, minute by minute.

import type { AccountId, InstanceId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';

/** What the cards of an instance moved in one minute. */
export interface NetworkMetricTable {
  accountId: AccountId;
  instanceId: InstanceId;
  /** Its beginning, in milliseconds since the epoch. */
  minute: number;
  inBytes: number;
  outBytes: number;
  inPackets: number;
  outPackets: number;
  /** Between the readings that its counts come from. */
  seconds: number;
  /** Bits a second of the path between the node and its guests; null where nobody has measured it. */
  pathInRate: number | null;
  pathOutRate: number | null;
}

export type NetworkMetricRow = Selectable<NetworkMetricTable>;
