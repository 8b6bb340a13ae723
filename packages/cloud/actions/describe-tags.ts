// Owns DescribeTags.

import type { TagDescription } from '@aws-sdk/client-ec2';
import type { AccountId } from '@ironbark/core/ids.ts';
import type { Filter, FilterTable } from '../app/filters.ts';
import type { TagRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listTags, listTagsOfAny, listTagsOfType } from '../store/tags.ts';
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
    await listCandidates(app.store.query, context.accountId, input.Filters ?? []),
    input,
    {
      action: 'DescribeTags',
      table: FILTERS,
      sortKey: (row) => `${row.resourceId} ${row.key}`,
    },
  );
  return { Tags: items.map(renderTag), NextToken: nextToken };
};

/** All tags that can match: those of the resources, or of the one type, that a filter names outright. */
async function listCandidates(
  db: Queries,
  accountId: AccountId,
  filters: readonly Filter[],
): Promise<TagRow[]> {
  const ids = namedBy(filters, 'resource-id');
  if (ids !== undefined) {
    return (await listTagsOfAny(db, ids)).filter((row) => row.accountId === accountId);
  }
  const [type, another] = namedBy(filters, 'resource-type') ?? [];
  const isOne = type !== undefined && another === undefined;
  return isOne ? listTagsOfType(db, accountId, type) : listTags(db, accountId);
}

function namedBy(filters: readonly Filter[], name: string): readonly string[] | undefined {
  const values = filters.find((filter) => filter.Name === name)?.Values;
  return values?.some((value) => /[*?\\]/.test(value)) ? undefined : values;
}

function renderTag(row: TagRow): TagDescription {
  return {
    Key: row.key,
    Value: row.value,
    ResourceId: row.resourceId,
    ResourceType: row.resourceType as NonNullable<TagDescription['ResourceType']>,
  };
}
