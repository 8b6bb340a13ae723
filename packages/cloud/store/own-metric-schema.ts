// Owns the columns of users' own metrics.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Unit } from '@ironbark/protocol/cloudwatch/types.ts';
import type { Selectable } from 'kysely';

/** A metric of one set of dimensions, in one unit. */
export interface OwnMetricTable {
  /** A digest of all that names it: account, name space, name, dimensions. */
  series: string;
  unit: Unit;
  accountId: AccountId;
  namespace: string;
  name: string;
  /** JSON: pairs of name and value, in the order of the names. */
  dimensions: string;
  /** Of its points. */
  newestMinute: number;
}

/** What was put into one minute, however many values they were. */
export interface OwnMetricPointTable {
  series: string;
  unit: Unit;
  /** Its beginning, in milliseconds since the epoch. */
  minute: number;
  accountId: AccountId;
  samples: number;
  sum: number;
  minimum: number;
  maximum: number;
}

export type OwnMetricRow = Selectable<OwnMetricTable>;
export type OwnMetricPointRow = Selectable<OwnMetricPointTable>;
