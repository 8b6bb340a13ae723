// Owns the tests of the filter engine.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { applyFilters, compilePattern, type Filter, type FilterTable } from './filters.ts';

interface Item {
  id: string;
  state: string;
  groups: string[];
  encrypted: boolean;
  tags: { key: string; value: string }[];
}

const TABLE: FilterTable<Item> = {
  names: {
    'instance-id': (item) => item.id,
    'instance-state-name': (item) => item.state,
    'group-id': (item) => item.groups,
    encrypted: (item) => item.encrypted,
  },
  tags: (item) => item.tags,
};

const ITEMS: Item[] = [
  {
    id: 'i-1',
    state: 'running',
    groups: ['sg-1', 'sg-2'],
    encrypted: true,
    tags: [{ key: 'Name', value: 'web-1' }],
  },
  {
    id: 'i-2',
    state: 'stopped',
    groups: ['sg-2'],
    encrypted: false,
    tags: [{ key: 'name', value: 'Web*' }],
  },
  { id: 'i-3', state: 'stopping', groups: [], encrypted: false, tags: [] },
];

function ids(...filters: Filter[]): string[] {
  return applyFilters(ITEMS, filters, TABLE).map((item) => item.id);
}

test('filters are joined with AND, their values with OR', () => {
  const cases: [Filter[], string[]][] = [
    [[], ['i-1', 'i-2', 'i-3']],
    [[{ Name: 'instance-id', Values: ['i-1', 'i-3', 'i-9'] }], ['i-1', 'i-3']],
    [
      [
        { Name: 'group-id', Values: ['sg-2'] },
        { Name: 'instance-state-name', Values: ['stopped', 'pending'] },
      ],
      ['i-2'],
    ],
    [[{ Name: 'group-id', Values: ['sg-9', 'sg-1'] }], ['i-1']],
    [[{ Name: 'encrypted', Values: ['false'] }], ['i-2', 'i-3']],
    [[{ Name: 'instance-state-name', Values: ['Running'] }], []],
    [[{ Name: 'instance-state-name', Values: ['stop*'] }], ['i-2', 'i-3']],
    [[{ Name: 'tag:Name', Values: ['web-?'] }], ['i-1']],
    [[{ Name: 'tag:Name', Values: ['*'] }], ['i-1']],
    [[{ Name: 'tag:name', Values: ['Web\\*'] }], ['i-2']],
    [[{ Name: 'tag-key', Values: ['name', 'Other'] }], ['i-2']],
    [[{ Name: 'tag-key', Values: ['*ame'] }], ['i-1', 'i-2']],
  ];
  for (const [filters, expected] of cases) {
    assert.deepEqual(ids(...filters), expected, JSON.stringify(filters));
  }
});

test('wildcards match as in EC2, and stars do not explode', () => {
  const cases: [string, string, boolean][] = [
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['a*c', 'abbbc', true],
    ['a*c', 'abbbcd', false],
    ['*a*b*', 'xxaxxbxx', true],
    ['?', '', false],
    ['??', 'é€', true],
    ['?', '\u{1f600}', true],
    ['a.c', 'abc', false],
    ['\\?', '?', true],
    ['\\?', 'x', false],
    ['a\\', 'a\\', true],
    ['**a', 'bca', true],
  ];
  for (const [pattern, text, expected] of cases) {
    assert.equal(compilePattern(pattern)(text), expected, `${pattern} against ${text}`);
  }
  assert.equal(compilePattern('*a'.repeat(500))('a'.repeat(3000)), true);
  assert.equal(compilePattern(`${'*a'.repeat(500)}b`)('a'.repeat(3000)), false);
});

test('an unknown filter is refused with the valid names, even when there are no items', () => {
  for (const name of ['colour', 'toString', '__proto__', 'tag:', '']) {
    assert.throws(
      () => applyFilters([], [{ Name: name, Values: ['x'] }], TABLE),
      (error) =>
        isServiceError(error, 'invalid-parameter') &&
        error.resource === 'filter' &&
        error.message.includes('encrypted, group-id, instance-id, instance-state-name, tag-key'),
    );
  }
  const untagged: FilterTable<Item> = { names: TABLE.names };
  assert.throws(() => applyFilters([], [{ Name: 'tag:a', Values: ['x'] }], untagged));
});

test('a filter without values and one with too many are refused', () => {
  assert.throws(
    () => ids({ Name: 'instance-id' }),
    (error) => isServiceError(error, 'missing-parameter'),
  );
  const many = Array.from({ length: 201 }, (_, index) => `i-${index}`);
  assert.throws(
    () => ids({ Name: 'instance-id', Values: many }),
    (error) => isServiceError(error, 'limit-exceeded') && error.resource === 'filter',
  );
  assert.throws(() => ids({ Name: 'instance-id', Values: ['x'.repeat(2000)] }));
});
