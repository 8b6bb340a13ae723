// Owns DescribeInstances.

import { INSTANCE, matchIds, parseIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { type InstanceRecord, instanceFilters, loadInstanceRecords } from './instance-records.ts';
import { renderReservations } from './render-instance.ts';
import { selectPage } from './select-page.ts';

export const describeInstances: Ec2Handler<'DescribeInstances'> = async (app, context, input) => {
  const ids = parseIds(INSTANCE, input.InstanceIds, 'InstanceId');
  const all = await loadInstanceRecords(app.store.query, context.accountId);
  const { items, nextToken } = selectPage(
    selectById(all, ids),
    input,
    {
      action: 'DescribeInstances',
      idsParameter: 'instancesSet',
      table: instanceFilters(app.region),
      // Instances of one reservation stay on one page where they fit.
      sortKey: ({ row }) =>
        `${String(row.createdAt).padStart(15, '0')} ${row.reservationId} ${row.id}`,
    },
    ids,
  );
  return { Reservations: renderReservations(items, app.region), NextToken: nextToken };
};

export function selectById(
  records: readonly InstanceRecord[],
  ids: readonly string[],
): readonly InstanceRecord[] {
  if (ids.length === 0) return records;
  const keyed = records.map((record) => ({ id: record.row.id, record }));
  return matchIds(INSTANCE, ids, keyed).map(({ record }) => record);
}
