// Owns Marker and MaxItems of IAM's lists.

import { type Page, takePage } from '../../app/pages.ts';

interface Markers {
  Marker?: string | undefined;
  MaxItems?: number | undefined;
}

export interface MarkedPage<Item> extends Pick<Page<Item>, 'items'> {
  markers: { IsTruncated: boolean; Marker?: string };
}

/** "If you do not include this parameter, the number of items defaults to 100." */
const DEFAULT_ITEMS = 100;

export function takeMarked<Item>(
  items: readonly Item[],
  { Marker, MaxItems = DEFAULT_ITEMS }: Markers,
  { action, sortKey }: { action: string; sortKey: (item: Item) => string },
): MarkedPage<Item> {
  const request = { MaxResults: MaxItems, NextToken: Marker };
  const page = takePage(items, request, { action, sortKey, minResults: 1, aboveMax: 'refuse' });
  const { nextToken } = page;
  const markers =
    nextToken === undefined ? { IsTruncated: false } : { IsTruncated: true, Marker: nextToken };
  return { items: page.items, markers };
}

export const byName = ({ name }: { name: string }): string => name;
