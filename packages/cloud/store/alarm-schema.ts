// Owns the columns of alarms on metrics.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface AlarmTable {
  accountId: AccountId;
  name: string;
  /** JSON: what PutMetricAlarm was given, checked. */
  definition: string;
  configuredAt: number;
  state: AlarmState;
  /** For people. */
  reason: string;
  /** Since when it is in this state. */
  stateAt: number;
  /** Keys and values as a list in JSON. */
  tags: string;
}

export type AlarmRow = Selectable<AlarmTable>;
