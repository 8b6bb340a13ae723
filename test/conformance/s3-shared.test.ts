import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postgresIsMissing } from '../support/postgres-server.ts';
import { runOnSharedStores } from './s3/on-shared-stores.ts';

/** Those whose order and pages the database makes; all of them: `npm run conformance -- s3-shared`. */
const FILES = ['listing.test.ts', 'versioning.test.ts'];

test('S3 is the same over PostgreSQL and an engine', {
  skip: await postgresIsMissing(),
}, async () => {
  const { passed, failed } = await runOnSharedStores(FILES);
  assert.deepEqual(failed, []);
  assert.ok(passed > FILES.length);
});
