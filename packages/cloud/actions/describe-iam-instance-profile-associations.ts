// Owns DescribeIamInstanceProfileAssociations.

import { applyFilters, type FilterTable } from '../app/filters.ts';
import { takePage } from '../app/pages.ts';
import { matchIds, PROFILE_ASSOCIATION, parseIds } from '../app/resource-ids.ts';
import type { ProfileAssociationTable } from '../store/iam-schema.ts';
import { listAssociations } from '../store/instance-profiles.ts';
import type { Ec2Handler } from './handler.ts';
import { renderAssociation } from './render-association.ts';

const FILTERS: FilterTable<ProfileAssociationTable> = {
  names: { 'instance-id': (row) => row.instanceId, state: () => 'associated' },
};

export const describeIamInstanceProfileAssociations: Ec2Handler<
  'DescribeIamInstanceProfileAssociations'
> = async (app, { accountId }, input) => {
  const db = app.store.query;
  const ids = parseIds(PROFILE_ASSOCIATION, input.AssociationIds, 'AssociationId');
  const all = await listAssociations(db, accountId);
  const rows = ids.length === 0 ? all : matchIds(PROFILE_ASSOCIATION, ids, all);
  const found = applyFilters(rows, input.Filters, FILTERS);
  const page = takePage(found, input, {
    action: 'DescribeIamInstanceProfileAssociations',
    sortKey: ({ id }) => id,
    ids,
    idsParameter: 'AssociationIds',
  });
  const shown = [];
  for (const row of page.items) shown.push(await renderAssociation(db, row));
  return {
    IamInstanceProfileAssociations: shown,
    ...(page.nextToken === undefined ? {} : { NextToken: page.nextToken }),
  };
};
