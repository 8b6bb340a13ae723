// Owns DescribeVolumes.

import { parseIds, VOLUME } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderVolume } from './render-volume.ts';
import { selectPage } from './select-page.ts';
import { loadVolumes, VOLUME_FILTERS } from './volume-items.ts';

export const describeVolumes: Ec2Handler<'DescribeVolumes'> = async (app, context, input) => {
  const ids = parseIds(VOLUME, input.VolumeIds, 'VolumeId');
  const found = await loadVolumes(app.store.query, context.accountId, ids);
  const { items, nextToken } = selectPage(
    found,
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
