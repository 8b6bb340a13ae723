// Owns what the storage is told of a snapshot.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import type { ImageBlob } from '@ironbark/protocol/internal/instance-messages.ts';
import type { StorageSnapshotIntent } from '@ironbark/protocol/internal/storage-client.ts';
import type { SnapshotRow } from '../store/schema.ts';

export function composeSnapshotIntent(snapshot: SnapshotRow): StorageSnapshotIntent {
  const { id, generation, desired, volumeId, accountId, volumeSizeGib, together, source } =
    snapshot;
  return {
    id,
    generation,
    desired,
    volumeId,
    volumeSizeBytes: volumeSizeGib * GIB,
    accountId,
    ...(together === null ? {} : { together: JSON.parse(together) as SnapshotId[] }),
    ...(source === null ? {} : { source: JSON.parse(source) as ImageBlob }),
    ...composeWritten(snapshot),
    ...(snapshot.encrypted === 1 ? { encrypted: true } : {}),
    ...(snapshot.copySourceId === null ? {} : { copyOf: snapshot.copySourceId }),
  };
}

function composeWritten({
  writeState: state,
  writeContentId: parent,
}: SnapshotRow): Pick<StorageSnapshotIntent, 'written'> {
  if (state === null) return {};
  return { written: parent === null ? { state } : { state, parent } };
}
