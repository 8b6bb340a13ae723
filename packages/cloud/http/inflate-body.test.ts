import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { inflateBody } from './inflate-body.ts';

const TEXT = Buffer.from('MetricData');
const GZIP = { 'content-encoding': 'gzip' };

test('a body comes as it was meant, smaller or not', async () => {
  assert.equal((await inflateBody(TEXT, {})).toString(), 'MetricData');
  assert.equal((await inflateBody(gzipSync(TEXT), GZIP)).toString(), 'MetricData');
});

test('what is too much, no gzip or something else is refused', async () => {
  const bomb = gzipSync(Buffer.alloc(4 * 2 ** 20));
  await assert.rejects(inflateBody(bomb, GZIP), /more than 1048576 bytes/);
  await assert.rejects(inflateBody(TEXT, GZIP), /not gzip/);
  await assert.rejects(inflateBody(TEXT, { 'content-encoding': 'br' }), /neither gzip/);
});
