// Owns the check that the published coverage is the real one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDocument, renderCoverage } from './coverage-table.ts';

test('docs/api-coverage.md tells what is offered (else: npm run coverage-table)', async () => {
  const fresh = await renderCoverage();
  assert.match(fresh, /## EC2: \d+ of 8\d\d operations/);
  assert.ok((await readDocument()) === fresh, 'docs/api-coverage.md is out of date');
});
