// Owns the short form of the round trip: every operation once, as part of every test run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundTrip, roundTripFigures } from './round-trip.ts';

const SEED = 20_261_122;

test(`every operation is read and answered as the AWS SDK means it (seed ${SEED})`, async () => {
  const results = await roundTrip({ seed: SEED, casesPerOperation: 1 });
  for (const { wrong } of results) {
    assert.deepEqual(wrong, { input: [], output: [], ownInput: [], ownOutput: [] });
  }
  assert.deepEqual(
    roundTripFigures(results).filter((figure) => !figure.ok),
    [],
  );
  assert.ok(results.some((result) => result.service === 'ec2' && result.operations > 800));
});
