// Owns the steps of all reconcilers in the test run: each fails, ends its process and runs twice, and nothing is left.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSourceFiles } from '../../tools/source-files.ts';
import { measureSteps } from '../support/simulation/measure-steps.ts';
import { STEP_KINDS } from '../support/simulation/step-kinds.ts';

test('every step fails before and after, crashes before and after, and runs twice', async (t) => {
  const { figures, problems } = await measureSteps(false);
  for (const { name, value } of figures) t.diagnostic(`${name}: ${value}`);
  assert.deepEqual(problems, []);
});

test('every step that a reconciler names is known here', () => {
  const calls = /aroundStep\(\s*'([^']+)'/g;
  const known = new Set(Object.keys(STEP_KINDS).map((name) => name.slice(name.indexOf('/') + 1)));
  const named = readSourceFiles()
    .filter(({ path }) => path.startsWith('packages/') && !path.endsWith('.test.ts'))
    .flatMap(({ text }) => [...text.matchAll(calls)].map((match) => match[1]!));
  assert.ok(named.length > 10, 'the calls are found');
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  );
});
