import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccessLogs } from './access-log-lines.ts';

const line = (text: string) => ({ timeMs: 0, text });
const large = line('x'.repeat(300 * 1_024));

test('lines that are put back stand in front, and nobody is told of them', () => {
  let told = 0;
  const logs = new AccessLogs(() => {
    told += 1;
  });
  logs.add('b', large);
  const taken = logs.take('b');
  logs.add('b', line('new'));
  logs.putBack('b', taken);
  logs.add('b', line('newer'));
  assert.equal(told, 1);
  assert.deepEqual(logs.take('b'), [large, line('new'), line('newer')]);
});

test('a bucket that is never delivered leaves room for the others', () => {
  const logs = new AccessLogs(() => {});
  for (let i = 0; i < 100; i++) logs.add('failing', large);
  const kept = logs.take('failing');
  logs.add('failing', large);
  logs.putBack('failing', kept);
  logs.add('other', line('kept'));
  assert.equal(logs.take('failing').length, 6);
  assert.deepEqual(logs.take('other'), [line('kept')]);
  assert.equal(logs.takeDropped(), 95);
});
