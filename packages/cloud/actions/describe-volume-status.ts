// Owns DescribeVolumeStatus.

import type { VolumeStatusItem } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { parseIds, VOLUME } from '../app/resource-ids.ts';
import { viewHealth } from '../app/volume-health.ts';
import type { Ec2Handler } from './handler.ts';
import type { VolumeItem } from './render-volume.ts';
import { selectPage } from './select-page.ts';
import { loadVolumes } from './volume-items.ts';

/** Names and meanings: API reference of DescribeVolumeStatus. No event here has an action or an end that is known. */
const FILTERS: FilterTable<VolumeItem> = {
  names: {
    'action.code': () => undefined,
    'action.description': () => undefined,
    'action.event-id': () => undefined,
    'attachment-status.instance-id': ({ attachments }) =>
      attachments.map(({ instanceId }) => instanceId),
    'attachment-status.io-performance': (item) =>
      item.attachments.length === 0 ? undefined : healthOf(item).ioPerformance,
    'availability-zone': ({ row }) => row.zone,
    'event.description': (item) => healthOf(item).event?.description,
    'event.event-id': (item) => healthOf(item).event?.id,
    'event.event-type': (item) => healthOf(item).event?.type,
    'event.not-after': () => undefined,
    'event.not-before': (item) => sinceOf(item)?.toISOString(),
    'volume-status.details-name': () => ['io-enabled', 'io-performance'],
    'volume-status.details-status': (item) => {
      const { ioEnabled, ioPerformance } = healthOf(item);
      return [ioEnabled, ioPerformance];
    },
    'volume-status.status': (item) => healthOf(item).status,
  },
};

export const describeVolumeStatus: Ec2Handler<'DescribeVolumeStatus'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(VOLUME, input.VolumeIds, 'VolumeId');
  const found = await loadVolumes(app.store.query, context.accountId, ids);
  const { items, nextToken } = selectPage(
    found,
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

function healthOf({ row, attachments }: VolumeItem) {
  return viewHealth(row, attachments[0]);
}

function sinceOf(item: VolumeItem): Date | undefined {
  const since = healthOf(item).event?.since;
  return since === undefined ? undefined : new Date(since);
}

function render(item: VolumeItem): VolumeStatusItem {
  const { row, attachments } = item;
  const { status, ioEnabled, ioPerformance } = healthOf(item);
  return {
    VolumeId: row.id,
    AvailabilityZone: row.zone,
    VolumeStatus: {
      Status: status,
      Details: [
        { Name: 'io-enabled', Status: ioEnabled },
        { Name: 'io-performance', Status: ioPerformance },
      ],
    },
    Actions: [],
    Events: renderEvents(item),
    AttachmentStatuses: attachments.map(({ instanceId }) => {
      return { InstanceId: instanceId, IoPerformance: ioPerformance };
    }),
  };
}

function renderEvents(item: VolumeItem): NonNullable<VolumeStatusItem['Events']> {
  const { event } = healthOf(item);
  if (event === undefined) return [];
  return [
    {
      EventId: event.id,
      EventType: event.type,
      Description: event.description,
      // What ails the volume ails every instance that has it.
      ...(item.attachments.length === 1 ? { InstanceId: item.attachments[0]!.instanceId } : {}),
      NotBefore: sinceOf(item),
    },
  ];
}
