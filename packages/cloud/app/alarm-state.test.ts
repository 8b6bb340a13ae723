import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AlarmState } from '../store/alarm-schema.ts';
import { type AlarmRule, judgeAlarm, type TreatMissing } from './alarm-state.ts';

const RULE: AlarmRule = {
  ...{ comparison: 'GreaterThanThreshold', threshold: 1, evaluationPeriods: 3 },
  ...{ datapointsToAlarm: 3, treatMissing: 'missing' },
};
const WAYS: readonly TreatMissing[] = ['missing', 'ignore', 'breaching', 'notBreaching'];

/** As AWS writes them: the oldest first, `X` breaches, `0` does not, `-` is missing. */
function judge(pattern: string, changes: Partial<AlarmRule> = {}, now: AlarmState = 'OK') {
  const values = { X: 2, '0': 0 } as Record<string, number | undefined>;
  const newest = pattern
    .split(' ')
    .map((sign) => values[sign])
    .reverse();
  return judgeAlarm({ ...RULE, ...changes }, newest, now).state;
}

/** `retain`: the state that it had. */
const ALL_OF_THREE: [string, string, string, string, string][] = [
  ['0 - X - X', 'OK', 'OK', 'OK', 'OK'],
  ['0 - - - -', 'OK', 'OK', 'OK', 'OK'],
  ['- - - - -', 'INSUFFICIENT_DATA', 'retain', 'ALARM', 'OK'],
  ['0 X X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['- - X - -', 'ALARM', 'retain', 'ALARM', 'OK'],
];
const TWO_OF_THREE: typeof ALL_OF_THREE = [
  ['0 0 X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['0 0 X 0 X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['0 - X - -', 'OK', 'OK', 'ALARM', 'OK'],
  ['- - - - 0', 'OK', 'OK', 'ALARM', 'OK'],
  ['- - - X -', 'ALARM', 'retain', 'ALARM', 'OK'],
];

for (const [datapointsToAlarm, table] of [
  [3, ALL_OF_THREE],
  [2, TWO_OF_THREE],
] as const) {
  for (const [pattern, ...states] of table) {
    test(`${datapointsToAlarm} of 3: ${pattern} is judged as in AWS`, () => {
      for (const [index, treatMissing] of WAYS.entries()) {
        for (const now of ['OK', 'ALARM'] as const) {
          const expected = states[index] === 'retain' ? now : states[index];
          const found = judge(pattern, { datapointsToAlarm, treatMissing }, now);
          assert.equal(found, expected, treatMissing);
        }
      }
    });
  }
}

test('each comparison has its edge', () => {
  const at = (comparison: AlarmRule['comparison']) =>
    judgeAlarm({ ...RULE, comparison, threshold: 2 }, [2, 2, 2], 'OK').state;
  assert.equal(at('GreaterThanThreshold'), 'OK');
  assert.equal(at('GreaterThanOrEqualToThreshold'), 'ALARM');
  assert.equal(at('LessThanThreshold'), 'OK');
  assert.equal(at('LessThanOrEqualToThreshold'), 'ALARM');
});
