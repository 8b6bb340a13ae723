// Owns DescribeVolumes.

import { matchIds, parseIds, VOLUME } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderVolume, type VolumeItem } from './render-volume.ts';
import { selectPage } from './select-page.ts';
import { loadVolumes, VOLUME_FILTERS } from './volume-items.ts';

export const describeVolumes: Ec2Handler<'DescribeVolumes'> = async (app, context, input) => {
  const ids = parseIds(VOLUME, input.VolumeIds, 'VolumeId');
  const all = await loadVolumes(app.store.query, context.accountId);
  const { items, nextToken } = selectPage(
    selectVolumes(all, ids),
    input,
    {
      action: 'DescribeVolumes',
      idsParameter: 'volumeIds',
      table: VOLUME_FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { Volumes: items.map((item) => renderVolume(app, item)), NextToken: nextToken };
};

export function selectVolumes(
  all: readonly VolumeItem[],
  ids: readonly string[],
): readonly VolumeItem[] {
  if (ids.length === 0) return all;
  const keyed = all.map((item) => ({ id: item.row.id, item }));
  return matchIds(VOLUME, ids, keyed).map(({ item }) => item);
}
