import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LifecycleRule } from '@ironbark/protocol/s3/lifecycle.ts';
import { dueAt, findExpiry, planKey } from './lifecycle.ts';
import { type ObjectVersion, PLAIN_INTENT } from './object-version.ts';

const DAY_MS = 24 * 3_600_000;
const NOON = Date.parse('2026-01-01T12:00:00Z');

function rule(more: Partial<LifecycleRule>): LifecycleRule {
  return { id: 'r', isEnabled: true, isOldForm: false, filter: { prefix: '', tags: [] }, ...more };
}

/** The newest first; `x` is a delete marker; the number is the day that it was written on. */
function stack(...days: string[]): ObjectVersion[] {
  return days.map((text, at) => ({
    ...PLAIN_INTENT,
    id: String(at),
    key: 'k',
    versionId: String(at),
    isDeleteMarker: text.startsWith('x'),
    sizeBytes: 10,
    etag: '',
    checksum: undefined,
    encryption: undefined,
    uploadId: undefined,
    lastModifiedMs: NOON + Number(text.replace('x', '')) * DAY_MS,
  }));
}

function plan(rules: LifecycleRule[], versions: ObjectVersion[], day: number, isVersioned = true) {
  const nowMs = NOON + day * DAY_MS;
  return planKey(rules, versions, { nowMs, isVersioned }).map((s) => `${s.kind} ${s.version.id}`);
}

test('days are counted to the midnight that follows', () => {
  assert.equal(new Date(dueAt(NOON, 1)).toISOString(), '2026-01-03T00:00:00.000Z');
  const midnight = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(new Date(dueAt(midnight, 1)).toISOString(), '2026-01-02T00:00:00.000Z');
});

test('each rule takes what it means, when it is due, and nothing before', () => {
  const expire = rule({ expiration: { days: 2 } });
  assert.deepEqual(plan([expire], stack('0'), 2), []);
  assert.deepEqual(plan([expire], stack('0'), 3), ['expire 0']);
  assert.deepEqual(plan([expire], stack('0'), 3, false), ['remove 0']);
  const elsewhere = rule({ expiration: { days: 2 }, filter: { prefix: 'other', tags: [] } });
  assert.deepEqual(plan([elsewhere], stack('0'), 9), []);
  const dated = rule({ expiration: { dateMs: NOON + DAY_MS } });
  assert.deepEqual(plan([dated], stack('0'), 0), []);
  assert.deepEqual(plan([dated], stack('0'), 1), ['expire 0']);
});

test('an older version counts from when it was replaced, and so many of them are kept', () => {
  const older = rule({ noncurrent: { days: 1 } });
  assert.deepEqual(plan([older], stack('5', '4', '0'), 5.4), []);
  assert.deepEqual(plan([older], stack('5', '4', '0'), 6), ['remove 2']);
  assert.deepEqual(plan([older], stack('5', '4', '0'), 7), ['remove 1', 'remove 2']);
  const kept = rule({ noncurrent: { days: 1, keep: 1 } });
  assert.deepEqual(plan([kept], stack('5', '4', '0'), 9), ['remove 2']);
});

test('a delete marker goes when it hides nothing, and not before', () => {
  const spent = rule({ expiration: { deleteMarker: true } });
  assert.deepEqual(plan([spent], stack('x1', '0'), 9), []);
  assert.deepEqual(plan([spent], stack('x1'), 9), ['remove 0']);
  assert.deepEqual(plan([rule({ expiration: { days: 3 } })], stack('x1'), 4), []);
  assert.deepEqual(plan([rule({ expiration: { days: 3 } })], stack('x1'), 6), ['remove 0']);
});

test('an expired version is hidden once, not again and again', () => {
  const expire = rule({ expiration: { days: 1 } });
  assert.deepEqual(plan([expire], stack('x5', '0'), 5.5), []);
});

test('the expiry that is told is the earliest', () => {
  const [version] = stack('0');
  const rules = [
    rule({ id: 'late', expiration: { days: 9 } }),
    rule({ id: 'early', expiration: { days: 2 } }),
  ];
  assert.equal(findExpiry(rules, version!, NOON)?.ruleId, 'early');
});
