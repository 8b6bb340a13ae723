// Owns the tests of paging.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { type Page, type PageOptions, takePage } from './pages.ts';

const OPTIONS: PageOptions<string> = {
  action: 'DescribeThings',
  sortKey: (item) => item,
  idsParameter: 'ThingIds',
};
const ITEMS = Array.from({ length: 23 }, (_, index) => `t-${String(index).padStart(3, '0')}`);

function allPages(items: () => readonly string[], maxResults: number): Page<string>[] {
  const pages: Page<string>[] = [];
  let token: string | undefined;
  do {
    const page = takePage(items(), { MaxResults: maxResults, NextToken: token }, OPTIONS);
    pages.push(page);
    token = page.nextToken;
  } while (token !== undefined);
  return pages;
}

test('pages cover every item once, in order, whatever order the items come in', () => {
  for (const size of [5, 7, 22, 23, 24, 1000]) {
    const pages = allPages(() => ITEMS.toReversed(), size);
    assert.deepEqual(
      pages.flatMap((page) => page.items),
      ITEMS,
    );
    assert.equal(pages.length, Math.ceil(ITEMS.length / size));
  }
});

test('a page that just fits has no token, and none at all has none either', () => {
  assert.equal(takePage(ITEMS.slice(0, 5), { MaxResults: 5 }, OPTIONS).nextToken, undefined);
  assert.deepEqual(takePage([], {}, OPTIONS), { items: [], nextToken: undefined });
});

test('items that go or come between two pages neither hide nor repeat the others', () => {
  let items = [...ITEMS];
  const first = takePage(items, { MaxResults: 5 }, OPTIONS);
  items = items.filter((item) => item !== 't-004' && item !== 't-005').concat('t-0000');
  const second = takePage(items, { MaxResults: 5, NextToken: first.nextToken }, OPTIONS);
  assert.deepEqual(second.items, ['t-006', 't-007', 't-008', 't-009', 't-010']);
});

test('without MaxResults a page has the longest length', () => {
  const many = Array.from({ length: 1001 }, (_, index) => `t-${String(index).padStart(5, '0')}`);
  const page = takePage(many, {}, OPTIONS);
  assert.equal(page.items.length, 1000);
  assert.notEqual(page.nextToken, undefined);
});

test('MaxResults is held to its range, and refused together with ids', () => {
  const refused: [object, Partial<PageOptions<string>>, string][] = [
    [{ MaxResults: 4 }, {}, 'invalid-parameter'],
    [{ MaxResults: -1 }, {}, 'invalid-parameter'],
    [{ MaxResults: 101 }, { maxResults: 100, aboveMax: 'refuse' }, 'invalid-parameter'],
    [{ MaxResults: 10 }, { ids: ['t-001'] }, 'invalid-combination'],
  ];
  for (const [request, extra, kind] of refused) {
    assert.throws(
      () => takePage(ITEMS, request, { ...OPTIONS, ...extra }),
      (error) => isServiceError(error) && error.kind === kind,
    );
  }
  assert.equal(takePage(ITEMS, { MaxResults: 5000 }, OPTIONS).items.length, 23);
  assert.equal(takePage(ITEMS, { MaxResults: 10 }, { ...OPTIONS, ids: [] }).items.length, 10);
});

test('a damaged token and one of another operation are refused', () => {
  const token = takePage(ITEMS, { MaxResults: 5 }, OPTIONS).nextToken!;
  const bad = ['', 'x', `${token}AAAA`, token.slice(0, -4), 'A'.repeat(5000)];
  for (const NextToken of bad) {
    assert.throws(
      () => takePage(ITEMS, { NextToken }, OPTIONS),
      (error) => isServiceError(error, 'invalid-parameter') && error.resource === 'page-token',
      NextToken,
    );
  }
  assert.throws(() =>
    takePage(ITEMS, { NextToken: token }, { ...OPTIONS, action: 'DescribeOthers' }),
  );
});
