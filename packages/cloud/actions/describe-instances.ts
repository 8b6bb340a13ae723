// Owns DescribeInstances.

import { INSTANCE, parseIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderReservations } from './render-instance.ts';
import { searchInstances } from './search-instances.ts';

export const describeInstances: Ec2Handler<'DescribeInstances'> = async (app, context, input) => {
  const { items, nextToken } = await searchInstances(app.store.query, {
    accountId: context.accountId,
    region: app.region,
    ids: parseIds(INSTANCE, input.InstanceIds, 'InstanceId'),
    request: input,
    options: { action: 'DescribeInstances', idsParameter: 'instancesSet' },
  });
  return { Reservations: renderReservations(items, app.region), NextToken: nextToken };
};
