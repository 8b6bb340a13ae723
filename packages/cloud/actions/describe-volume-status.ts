// Owns DescribeVolumeStatus.

import type { VolumeStatusInfo, VolumeStatusItem } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { parseIds, VOLUME } from '../app/resource-ids.ts';
import { selectVolumes } from './describe-volumes.ts';
import type { Ec2Handler } from './handler.ts';
import type { VolumeItem } from './render-volume.ts';
import { selectPage } from './select-page.ts';
import { loadVolumes } from './volume-items.ts';

const FILTERS: FilterTable<VolumeItem> = {
  names: {
    'availability-zone': ({ row }) => row.zone,
    'volume-status.status': ({ row }) => viewHealth(row.observedState),
  },
};

export const describeVolumeStatus: Ec2Handler<'DescribeVolumeStatus'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(VOLUME, input.VolumeIds, 'VolumeId');
  const all = await loadVolumes(app.store.query, context.accountId);
  const { items, nextToken } = selectPage(
    selectVolumes(all, ids),
    input,
    {
      action: 'DescribeVolumeStatus',
      idsParameter: 'volumeIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { VolumeStatuses: items.map(render), NextToken: nextToken };
};

function viewHealth(state: string | null): NonNullable<VolumeStatusInfo['Status']> {
  if (state === 'ready') return 'ok';
  return state === 'failed' || state === 'absent' ? 'impaired' : 'insufficient-data';
}

function render({ row }: VolumeItem): VolumeStatusItem {
  const status = viewHealth(row.observedState);
  const check = { ok: 'passed', impaired: 'failed' }[status as string] ?? 'insufficient-data';
  return {
    VolumeId: row.id,
    AvailabilityZone: row.zone,
    VolumeStatus: { Status: status, Details: [{ Name: 'io-enabled', Status: check }] },
    Actions: [],
    Events: [],
  };
}
