// Owns DescribeLaunchTemplates.

import type { FilterTable } from '../app/filters.ts';
import { noSuchName } from '../app/launch-templates.ts';
import { LAUNCH_TEMPLATE, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import type { LaunchTemplateRow } from '../store/launch-template-schema.ts';
import { listTemplates } from '../store/launch-templates.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTemplate } from './render-launch-template.ts';
import { selectPage } from './select-page.ts';

interface TemplateItem {
  row: LaunchTemplateRow;
  tags: Tag[];
  /** Where it stands in the answer: as it was asked for by name, or by name. */
  rank: string;
}

const FILTERS: FilterTable<TemplateItem> = {
  names: {
    'create-time': ({ row }) => new Date(row.createdAt).toISOString(),
    'launch-template-name': ({ row }) => row.name,
  },
  tags: ({ tags }) => tags,
};
const MAX_RESULTS = 200;

export const describeLaunchTemplates: Ec2Handler<'DescribeLaunchTemplates'> = async (
  app,
  context,
  input,
) => {
  const { accountId } = context;
  const ids = parseIds(LAUNCH_TEMPLATE, input.LaunchTemplateIds, 'LaunchTemplateId');
  const rows = await listTemplates(app.store.query, accountId);
  const named = selectNamed(matchAll(rows, ids), input.LaunchTemplateNames ?? []);
  const tags = new TagIndex(await listTagsOfType(app.store.query, accountId, 'launch-template'));
  const { items, nextToken } = selectPage(
    named.map(({ row, rank }): TemplateItem => ({ row, rank, tags: tags.of(row.id) })),
    input,
    {
      action: 'DescribeLaunchTemplates',
      idsParameter: 'LaunchTemplateIds',
      table: FILTERS,
      sortKey: ({ rank }) => rank,
      minResults: 1,
      maxResults: MAX_RESULTS,
    },
    ids,
  );
  return {
    LaunchTemplates: items.map((item) => renderTemplate(item.row, item.tags)),
    NextToken: nextToken,
  };
};

function matchAll(rows: readonly LaunchTemplateRow[], ids: readonly string[]): LaunchTemplateRow[] {
  return ids.length === 0 ? [...rows] : matchIds(LAUNCH_TEMPLATE, ids, rows);
}

function selectNamed(
  rows: readonly LaunchTemplateRow[],
  names: readonly string[],
): { row: LaunchTemplateRow; rank: string }[] {
  if (names.length === 0) return rows.map((row) => ({ row, rank: row.name }));
  const byName = new Map(rows.map((row) => [row.name, row]));
  return [...new Set(names)].map((name, at) => {
    const row = byName.get(name);
    if (row === undefined) throw noSuchName();
    return { row, rank: String(at).padStart(6, '0') };
  });
}
