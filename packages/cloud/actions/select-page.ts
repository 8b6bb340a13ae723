// Owns the common half of every Describe action: the ids named, the filters, then one page.

import { applyFilters, type Filter, type FilterTable } from '../app/filters.ts';
import { type Page, takePage } from '../app/pages.ts';

export interface Listing<Item> {
  /** The AWS name of the action. */
  action: string;
  table: FilterTable<Item>;
  /** Unique and unchanging for each item. */
  sortKey: (item: Item) => string;
  idsParameter?: string;
  minResults?: number;
  maxResults?: number;
}

export interface ListRequest {
  Filters?: readonly Filter[] | undefined;
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}

export function selectPage<Item>(
  items: readonly Item[],
  request: ListRequest,
  listing: Listing<Item>,
  ids: readonly string[] = [],
): Page<Item> {
  const { table, ...options } = listing;
  return takePage(applyFilters(items, request.Filters, table), request, { ...options, ids });
}
