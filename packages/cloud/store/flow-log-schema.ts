// Owns the columns of flow logs.

import type { AccountId, FlowLogId, InterfaceId, SubnetId, VpcId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';

export interface FlowLogTable {
  id: FlowLogId;
  accountId: AccountId;
  /** Whose flows are in it: a VPC, a subnet or an interface. */
  resourceId: VpcId | SubnetId | InterfaceId;
  /** That it is, or is in. */
  vpcId: VpcId;
  trafficType: 'ACCEPT' | 'REJECT' | 'ALL';
  /** As it was given; it says the two that follow. */
  destination: string;
  bucket: string;
  /** In the bucket, without a slash at its end; empty: none. */
  prefix: string;
  format: string;
  maxAggregationSeconds: number;
  /** Names of folders as Hive reads them, and a folder for each hour. */
  isHive: 0 | 1;
  isHourly: 0 | 1;
  createdAt: number;
  /** Of the last delivery; null: there was none. */
  deliverStatus: 'SUCCESS' | 'FAILED' | null;
  deliverError: string | null;
}

export type FlowLogRow = Selectable<FlowLogTable>;
