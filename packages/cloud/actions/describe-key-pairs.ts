// Owns DescribeKeyPairs.

import type { KeyPairInfo } from '@aws-sdk/client-ec2';
import { applyFilters, type FilterTable } from '../app/filters.ts';
import { notFound } from '../app/refusals.ts';
import { KEY_PAIR, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listKeyPairs } from '../store/key-pairs.ts';
import type { KeyPairRow } from '../store/schema.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { tagsOf } from './render-instance.ts';

interface KeyPairItem {
  row: KeyPairRow;
  tags: Tag[];
}

const FILTERS: FilterTable<KeyPairItem> = {
  names: {
    'key-pair-id': ({ row }) => row.id,
    'key-name': ({ row }) => row.name,
    fingerprint: ({ row }) => row.fingerprint,
  },
  tags: ({ tags }) => tags,
};

export const describeKeyPairs: Ec2Handler<'DescribeKeyPairs'> = async (app, context, input) => {
  const ids = parseIds(KEY_PAIR, input.KeyPairIds, 'KeyPairId');
  const names = input.KeyNames ?? [];
  const tags = new TagIndex(await listTags(app.store.query, context.accountId));
  const rows = await listKeyPairs(app.store.query, context.accountId);
  const absent = names.filter((name) => !rows.some((row) => row.name === name));
  if (absent.length > 0) throw notFound('key-pair', 'key pair', absent);
  matchIds(KEY_PAIR, ids, rows);
  const isAll = ids.length === 0 && names.length === 0;
  const shown = rows.filter((row) => isAll || ids.includes(row.id) || names.includes(row.name));
  const items = shown
    .map((row): KeyPairItem => ({ row, tags: tags.of(row.id) }))
    .sort((left, right) => (left.row.name < right.row.name ? -1 : 1));
  const withKey = input.IncludePublicKey === true;
  return {
    KeyPairs: applyFilters(items, input.Filters, FILTERS).map((item) => render(item, withKey)),
  };
};

function render({ row, tags }: KeyPairItem, withKey: boolean): KeyPairInfo {
  return {
    KeyPairId: row.id,
    KeyName: row.name,
    KeyType: row.type,
    KeyFingerprint: row.fingerprint,
    CreateTime: new Date(row.createdAt),
    ...tagsOf(tags),
    ...(withKey ? { PublicKey: `${row.publicKey} ${row.name}` } : {}),
  };
}
