// Owns DescribeInstanceCreditSpecifications: bursts are not counted here, so every burstable instance is unlimited.

import type { FilterTable } from '../app/filters.ts';
import { findInstanceType } from '../app/instance-types.ts';
import { viewState } from '../app/instance-view.ts';
import { INSTANCE, matchIds, parseIds } from '../app/resource-ids.ts';
import { findInstances, listInstances } from '../store/instances.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<InstanceRow> = { names: { 'instance-id': ({ id }) => id } };

export const describeInstanceCreditSpecifications: Ec2Handler<
  'DescribeInstanceCreditSpecifications'
> = async (app, context, input) => {
  const { accountId } = context;
  const db = app.store.query;
  const ids = parseIds(INSTANCE, input.InstanceIds, 'InstanceId');
  const rows =
    ids.length === 0
      ? await listInstances(db, accountId)
      : matchIds(INSTANCE, ids, await findInstances(db, accountId, ids));
  const burstable = rows.filter(
    (row) =>
      findInstanceType(row.instanceType)?.burstable === true && viewState(row) !== 'terminated',
  );
  const { items, nextToken } = selectPage(
    burstable,
    input,
    {
      action: 'DescribeInstanceCreditSpecifications',
      idsParameter: 'InstanceIds',
      table: FILTERS,
      sortKey: ({ id }) => id,
    },
    ids,
  );
  return {
    InstanceCreditSpecifications: items.map(({ id }) => ({
      InstanceId: id,
      CpuCredits: 'unlimited',
    })),
    NextToken: nextToken,
  };
};
