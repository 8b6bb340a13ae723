// Owns the check that the committed models are what the installed SDK packages give.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateModels, readCommittedModel } from './generate-models.ts';

test('the committed models equal a fresh generation (else: npm run models)', async () => {
  const fresh = await generateModels();
  const services = ['ec2', 'sts', 'iam', 'cloudwatch', 'servicequotas', 'cloudtrail'];
  assert.deepEqual(
    [...fresh.keys()],
    services.map((service) => `${service}.json`),
  );
  for (const [file, text] of fresh) {
    assert.ok((await readCommittedModel(file)) === text, `${file} is out of date`);
  }
});
