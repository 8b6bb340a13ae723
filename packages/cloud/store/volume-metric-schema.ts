// Owns the columns of what volumes did, minute by minute.

import type { AccountId, VolumeId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';

/** What a volume did in one minute. */
export interface VolumeMetricTable {
  accountId: AccountId;
  volumeId: VolumeId;
  /** Its beginning, in milliseconds since the epoch. */
  minute: number;
  /** Between the readings that its counts come from; this and they are null when nothing could be read. */
  seconds: number | null;
  readOps: number | null;
  writeOps: number | null;
  readBytes: number | null;
  writeBytes: number | null;
  readNs: number | null;
  writeNs: number | null;
  /** Of volumes with provisioned IOPS. */
  provisionedIops: number | null;
  isStalled: 0 | 1;
  /** Bytes a second that the disk below it gives; null where nobody has measured it. */
  deviceReadRate: number | null;
  deviceWriteRate: number | null;
}

export type VolumeMetricRow = Selectable<VolumeMetricTable>;
