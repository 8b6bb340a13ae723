import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { INTERRUPTED, listenForInterrupts } from './interrupts.ts';
import { Problem } from './problem.ts';

test('a wish to end aborts once, however often interrupts were taken, and the second one ends', () => {
  const source = new EventEmitter();
  let exits = 0;
  const takeInterrupts = listenForInterrupts(source, () => {
    exits += 1;
  });
  const signal = takeInterrupts();
  assert.equal(takeInterrupts(), signal);
  source.emit('SIGTERM');
  assert.deepEqual([signal.aborted, exits], [true, 0]);
  assert.ok(signal.reason instanceof Problem && signal.reason.exitCode === INTERRUPTED);
  source.emit('SIGHUP');
  assert.equal(exits, 1);
});

test('Ctrl-C ends a command that has not taken interrupts', () => {
  const source = new EventEmitter();
  let exits = 0;
  listenForInterrupts(source, () => {
    exits += 1;
  });
  source.emit('SIGINT');
  assert.equal(exits, 1);
});
