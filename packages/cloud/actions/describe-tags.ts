// Owns DescribeTags.

import type { TagDescription } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import type { TagRow } from '../store/schema.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<TagRow> = {
  names: {
    key: (row) => row.key,
    value: (row) => row.value,
    'resource-id': (row) => row.resourceId,
    'resource-type': (row) => row.resourceType,
  },
  tags: (row) => [row],
};

export const describeTags: Ec2Handler<'DescribeTags'> = async (app, context, input) => {
  const { items, nextToken } = selectPage(
    await listTags(app.store.query, context.accountId),
    input,
    {
      action: 'DescribeTags',
      table: FILTERS,
      sortKey: (row) => `${row.resourceId} ${row.key}`,
    },
  );
  return { Tags: items.map(renderTag), NextToken: nextToken };
};

function renderTag(row: TagRow): TagDescription {
  return {
    Key: row.key,
    Value: row.value,
    ResourceId: row.resourceId,
    ResourceType: row.resourceType as NonNullable<TagDescription['ResourceType']>,
  };
}
