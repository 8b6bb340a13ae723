// Owns CreateSnapshots: the volumes of one instance, all as they were at one moment.

import type { SnapshotInfo } from '@aws-sdk/client-ec2';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { type Change, changeFor } from '../app/change.ts';
import { missingParameter, notOffered, refuseParameters } from '../app/refusals.ts';
import { INSTANCE, parseId, parseIds, VOLUME } from '../app/resource-ids.ts';
import { takeSnapshots } from '../app/snapshots.ts';
import { parseTagSpecifications, setTags, type Tag, TagIndex } from '../app/tags.ts';
import { viewSnapshotState } from '../app/volume-view.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { listTagsOf } from '../store/tags.ts';
import type { RequestContext } from './action.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import { viewProgress } from './render-snapshot.ts';

export const createSnapshots: Ec2Handler<'CreateSnapshots'> = async (app, context, input) => {
  refuseParameters(input, ['OutpostArn']);
  if (input.Location === 'local') throw notOffered('A local snapshot');
  const { InstanceId, ExcludeDataVolumeIds, ExcludeBootVolume } = input.InstanceSpecification;
  if (InstanceId === undefined) throw missingParameter('InstanceSpecification.InstanceId');
  const wish = {
    instanceId: parseId(INSTANCE, InstanceId, 'InstanceId'),
    description: input.Description ?? '',
    exclude: parseIds(VOLUME, ExcludeDataVolumeIds, 'ExcludeDataVolumeId'),
    excludeRoot: ExcludeBootVolume === true,
  };
  const { snapshot: tags } = parseTagSpecifications(input.TagSpecifications, ['snapshot']);
  const isCopying = input.CopyTagsFromSource === 'volume';
  const made = await changeFor(app, context, async (change) => {
    const rows = await takeSnapshots(app, context, change, wish);
    return Promise.all(
      rows.map(async (row) => {
        const copied = isCopying ? await tagsOf(change, row.volumeId) : [];
        return { row, tags: await setAll(change, context, row, [...copied, ...tags]) };
      }),
    );
  });
  return { Snapshots: made.map(({ row, tags: set }) => render(row, set)) };
};

async function tagsOf({ tx }: Change, id: VolumeId): Promise<Tag[]> {
  return new TagIndex(await listTagsOf(tx, id)).of(id);
}

/** The last of a key counts. */
async function setAll(
  { tx }: Change,
  { accountId }: RequestContext,
  { id }: SnapshotRow,
  tags: readonly Tag[],
): Promise<Tag[]> {
  const byKey = new Map(tags.map((tag) => [tag.key, tag]));
  await setTags(tx, accountId, id, [...byKey.values()]);
  return [...byKey.values()];
}

function render(row: SnapshotRow, tags: Tag[]): SnapshotInfo {
  return {
    SnapshotId: row.id,
    VolumeId: row.volumeId,
    VolumeSize: row.volumeSizeGib,
    State: viewSnapshotState(row),
    StartTime: new Date(row.createdAt),
    Progress: viewProgress({ row, tags }),
    OwnerId: row.accountId,
    Description: row.description,
    Encrypted: row.encrypted === 1,
    Tags: renderTags(tags),
  };
}
