// Owns the tests of going through a chain backwards, over its files.

import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { silentLogger } from './logger.ts';
import { RecordChain } from './record-chain.ts';
import { listSegments, segmentPath } from './record-lines.ts';
import { searchNewest } from './record-lookup.ts';

test('the newest come first, over files and pages, and a line that is cut short is none', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ironbark-lookup-'));
  const chain = { directory, name: 'calls', maxSegmentBytes: 300, maxSegments: 64 };
  const parts = { clock: systemClock, logger: silentLogger };
  const last = 20;
  {
    await using open = await RecordChain.open({ ...chain, ...parts });
    for (let at = 1; at <= last; at++) await open.appendDurably({ at, kind: at % 2 ? 'a' : 'b' });
  }
  const search = async (limit: number, options: { before?: number; maxLines?: number } = {}) => {
    const found: unknown[] = [];
    const next = await searchNewest(directory, 'calls', {
      ...{ containing: '"kind":"b"', maxLines: 1_000, ...options },
      take: ({ record }) => found.push(record['at']) < limit,
    });
    return { found, next };
  };
  const all = await search(1_000);
  assert.deepEqual(all.found.slice(0, 3), [20, 18, 16]);
  assert.equal(all.next, undefined);
  const paged: unknown[] = [];
  for (let next: number | undefined = Number.MAX_SAFE_INTEGER; next !== undefined; ) {
    const page: Awaited<ReturnType<typeof search>> = await search(1, { before: next });
    paged.push(...page.found);
    next = page.next;
  }
  assert.deepEqual(paged, all.found);
  const short = await search(1_000, { maxLines: 3 });
  assert.ok(short.found.length <= 2 && short.next !== undefined);
  const newest = (await listSegments(directory, 'calls')).at(-1)!;
  await appendFile(segmentPath(directory, 'calls', newest), '{"sequence":999,"at":999,"kind":"b"');
  assert.deepEqual((await search(1_000)).found, all.found);
  await rm(directory, { recursive: true });
});
