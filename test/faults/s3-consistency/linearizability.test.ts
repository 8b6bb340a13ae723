import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLinearizable, type Operation } from './linearizability.ts';

/** `put a 1 4`: called at 1, over at 4; `get - 5 6`: nothing was there; `put? b 2 9`: nobody knows how it ended. */
function check(...lines: string[]): boolean {
  return isLinearizable(
    lines.map((line): Operation => {
      const [kind, value, from, to] = line.split(' ') as [string, string, string, string];
      return {
        kind: kind.replace('?', '') as Operation['kind'],
        value: value === '-' ? undefined : value,
        from: Number(from),
        to: Number(to),
        isMaybe: kind.endsWith('?'),
      };
    }),
  );
}

test('what happens one after another is seen so', () => {
  assert.ok(check('get - 1 2', 'put a 3 4', 'get a 5 6', 'delete - 7 8', 'get - 9 10'));
});

test('a value from before the last write, or from nowhere, is wrong', () => {
  assert.ok(!check('put a 1 2', 'put b 3 4', 'get a 5 6'));
  assert.ok(!check('put a 1 2', 'get - 3 4'));
  assert.ok(!check('put a 1 2', 'delete - 3 4', 'get a 5 6'));
  assert.ok(!check('put a 1 2', 'get b 3 4'));
});

test('what overlaps may be seen in either order, and by all readers in the same', () => {
  assert.ok(check('put a 1 10', 'get - 2 3', 'get a 4 5'));
  assert.ok(!check('put a 1 10', 'get a 2 3', 'get - 4 5'));
  assert.ok(check('put a 1 10', 'put b 2 9', 'get a 11 12'));
  assert.ok(check('put a 1 10', 'put b 2 9', 'get b 11 12'));
  assert.ok(!check('put a 1 10', 'put b 2 9', 'get a 11 12', 'get b 13 14'));
});

test('a write that nobody knows the end of may have happened or not, but not after its end, and not twice', () => {
  assert.ok(check('put a 1 2', 'put? b 3 6', 'get a 7 8'));
  assert.ok(check('put a 1 2', 'put? b 3 6', 'get b 7 8'));
  assert.ok(!check('put a 1 2', 'put? b 3 6', 'get a 7 8', 'get b 9 10'));
  assert.ok(!check('put a 1 2', 'delete? - 3 6', 'get - 7 8', 'get a 9 10'));
  assert.ok(!check('put a 1 2', 'put? b 3 6', 'get b 4 5', 'get a 7 8'));
});

test('long histories are decided quickly', () => {
  const lines = Array.from({ length: 2_000 }, (_, n) => [
    `put ${n} ${n * 10} ${n * 10 + 12}`,
    `put? m${n} ${n * 10 + 1} ${n * 10 + 9}`,
    `get ${n} ${n * 10 + 2} ${n * 10 + 15}`,
  ]).flat();
  assert.ok(check(...lines));
});
