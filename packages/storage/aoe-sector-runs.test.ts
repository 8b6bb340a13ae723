import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DiskCommand, joinNeighbours, takeWithoutOverlap } from './drivers/aoe/sector-runs.ts';

const command = fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 17 })).map(
  ([offset, length]): DiskCommand => ({
    kind: 'write',
    slot: 0,
    offset,
    length,
    cameAtMs: 0,
    dataAddress: 0,
  }),
);
const commands = fc.array(command, { maxLength: 20 });
const touch = (a: DiskCommand, b: DiskCommand) =>
  a.offset < b.offset + b.length && b.offset < a.offset + a.length;

test('what goes together touches no sector twice, nothing is lost, and nothing overtakes what it touches', () => {
  fc.assert(
    fc.property(commands, commands, (queue, given) => {
      const busy = takeWithoutOverlap(given, [], 64).taken;
      const { taken, left } = takeWithoutOverlap(queue, busy, 8);
      assert.deepEqual([...taken, ...left], queue);
      assert.ok(taken.length <= 8);
      for (const [index, each] of taken.entries()) {
        for (const other of [...busy, ...taken.slice(0, index)]) assert.ok(!touch(each, other));
      }
      const next = left[0];
      const isBlocked = next !== undefined && [...busy, ...taken].some((each) => touch(each, next));
      assert.ok(
        next === undefined || taken.length === 8 || isBlocked,
        'less than could be is taken',
      );
    }),
  );
});

test('neighbours are joined: each run has no gap, and all commands are in one', () => {
  fc.assert(
    fc.property(commands, (given) => {
      const runs = joinNeighbours(given, 4);
      assert.deepEqual(new Set(runs.flat()), new Set(given));
      assert.equal(runs.flat().length, given.length);
      for (const run of runs) {
        assert.ok(run.length > 0 && run.length <= 4);
        for (const [index, each] of run.slice(1).entries()) {
          assert.equal(run[index]!.offset + run[index]!.length, each.offset);
        }
      }
    }),
  );
});
