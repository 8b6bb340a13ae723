// Owns the tests of how a run of pytest is read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causeOf, countBy, parseOutcomes } from './report.ts';

const ABSENT = 'The operation CreateVpc exists in AWS, but this cloud does not offer it.';
const LINES = [
  { file: 'test_tags', name: 'test_add', outcome: 'passed', message: '' },
  { file: 'test_tags', name: 'test_more[a&b]', outcome: 'failed', message: `Error: ${ABSENT}` },
  { file: 'test_vpcs', name: 'test_one', outcome: 'skipped', message: '' },
  { file: 'test_vpcs', name: 'test_two', outcome: 'passed', message: '' },
  { file: 'test_vpcs', name: 'test_two', outcome: 'failed', message: 'on teardown\nmore' },
];

test('a run says what became of each test, and why', () => {
  const outcomes = parseOutcomes(LINES.map((line) => `${JSON.stringify(line)}\n`).join(''));
  assert.deepEqual(
    outcomes.map(({ file, name, outcome }) => [file, name, outcome]),
    [
      ['test_tags', 'test_add', 'passed'],
      ['test_tags', 'test_more[a&b]', 'failed'],
      ['test_vpcs', 'test_one', 'skipped'],
      ['test_vpcs', 'test_two', 'failed'],
    ],
  );
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed');
  const causes = failed.map(({ message }) => causeOf(message));
  assert.deepEqual(causes, ['CreateVpc is not offered', 'on teardown']);
  assert.deepEqual(countBy([...causes, causes[1]!]), [
    ['on teardown', 2],
    ['CreateVpc is not offered', 1],
  ]);
});
