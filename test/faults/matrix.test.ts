// Nobody does what nobody allowed them: every action of every API, with every way to have no right to it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type MatrixResult,
  runMatrix,
  unmatchedActions,
  unmatchedReferences,
} from '../support/authorization-matrix.ts';
import { unmatchedRoutes } from '../support/matrix-objects.ts';
import { startTwoAccounts, type TwoAccounts } from '../support/two-accounts.ts';

let accounts: TwoAccounts;
let result: MatrixResult;

before(async () => {
  accounts = await startTwoAccounts();
  result = await runMatrix(accounts);
});
after(() => accounts?.[Symbol.asyncDispose]());

test('every action has a row, and every member that names something is known', () => {
  assert.deepEqual(unmatchedActions(), []);
  assert.deepEqual(unmatchedReferences(), []);
  assert.deepEqual(unmatchedRoutes(), []);
});

test('A6, A13: every request without the right to it is refused, by every action of every API', () => {
  assert.deepEqual(result.wrong, []);
  assert.ok(result.sent > 1000, `only ${result.sent} requests were sent`);
});

test('A6, A13: a request without the right to it changes nothing', () => {
  assert.deepEqual(result.changes, []);
});
