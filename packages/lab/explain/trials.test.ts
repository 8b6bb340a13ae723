import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DIRECT,
  type DiskProfile,
  GUEST_ATTACHED,
  GUEST_ATTACHED_NBD,
} from '@ironbark/core/io-profile.ts';
import type { RowResult } from '../run/row-result.ts';
import { trialResultOf } from '../run/trial-result.ts';
import { CAUSES, type CauseName } from './causes.ts';
import type { Observation } from './observation.ts';
import { trialOf } from './trials.ts';

const LIMIT = { iops: 3_000, bytesPerSecond: 125e6 };

function trial(
  cause: CauseName,
  seen: Partial<Observation['seen']> = {},
  more: Partial<Observation> = {},
) {
  const observation: Observation = {
    ...{ direction: 'read', guestRate: 1e6, limit: LIMIT, setting: { store: 'volume' } },
    seen: { requestSectors: 256, queueDepth: 1, utilisation: 0.5, ...seen },
    ...more,
  };
  const { bus, attachMode } = more.setting ?? {};
  const guest = attachMode === 'guest' ? GUEST_ATTACHED_NBD : undefined;
  const plain = { optimalIoBytes: 0, queues: 1, cache: 'writethrough' } as const;
  const profile: DiskProfile = guest ?? {
    ...DIRECT,
    ...plain,
    bus: bus === 'ide' ? 'ide' : 'virtio-blk',
  };
  return trialOf({ cause, observation, profile });
}

function rowsOf(
  cause: CauseName,
  ...given: Parameters<typeof trial> extends [unknown, ...infer More] ? More : never
) {
  const found = trial(cause, ...given);
  if ('reason' in found) assert.fail(found.reason);
  return found;
}

test('every cause has a change that is made, or a sentence why there is none', () => {
  for (const { name } of CAUSES) {
    const found = trial(name);
    if ('reason' in found) assert.match(found.reason, /^[A-Z].*\.$/);
    else assert.notDeepEqual({ ...found.before, id: '' }, { ...found.after, id: '' }, name);
  }
});

test('the change is the one that the explanation names', () => {
  assert.deepEqual(rowsOf('limit').after.configuration.limit, {
    iops: 6_000,
    bytesPerSecond: 250e6,
  });
  assert.equal(rowsOf('write-through').after.configuration.profile?.cache, 'direct');
  const ide = rowsOf('emulated-bus', {}, { setting: { bus: 'ide' } });
  assert.deepEqual(
    [ide.before, ide.after].map(({ configuration }) => configuration.profile?.bus),
    ['ide', 'virtio-blk'],
  );
  const sparse = rowsOf(
    'sparse-file',
    {},
    { direction: 'write', setting: { store: 'sparse-file' } },
  );
  assert.equal(sparse.after.configuration.target, 'preallocated-file');
  assert.equal(rowsOf('one-at-a-time').after.configuration.profile?.cache, 'writeback');
  const write = rowsOf('one-at-a-time', {}, { direction: 'write' });
  assert.deepEqual(
    [write.before.workload, write.after.workload],
    ['direct', 'fio-sequential-qd16'],
  );
  assert.ok(rowsOf('late-requests', {}, { direction: 'write' }).after.dirtyBackgroundBytes! > 0);
});

test('the work is like what the guest was seen to do, with its limit', () => {
  const small = rowsOf('limit', { requestSectors: 8, queueDepth: 12 });
  assert.equal(small.before.workload, 'fio-random-qd16');
  assert.equal(
    rowsOf('limit', { requestSectors: 8, queueDepth: 90 }).before.workload,
    'fio-random-qd64',
  );
  assert.deepEqual(small.before.configuration.limit, LIMIT);
  assert.equal(rowsOf('one-at-a-time', { requestSectors: 128 }).before.workload, 'direct');
  const none = { iops: Number.POSITIVE_INFINITY, bytesPerSecond: 1e8 };
  const limit = rowsOf('one-at-a-time', {}, { limit: none }).before.configuration.limit!;
  assert.ok(limit.iops > 1e9 && Number.isFinite(limit.iops) && limit.bytesPerSecond === 1e8);
});

test('a volume that the guest attaches is tried on a modelled volume, over NBD', () => {
  const found = rowsOf('guest-initiator', {}, { setting: { attachMode: 'guest' } });
  assert.deepEqual(
    [found.testbed, found.before.configuration.target, found.after.configuration.target],
    ['slow', 'volume-in-guest', 'volume'],
  );
  const { observation } = {
    observation: {
      direction: 'read',
      guestRate: 1,
      seen: { requestSectors: 8, queueDepth: 1, utilisation: 0.5 },
      setting: {},
    } as Observation,
  };
  const aoe = trialOf({ cause: 'guest-initiator', observation, profile: GUEST_ATTACHED });
  assert.match('reason' in aoe ? aoe.reason : '', /over NBD only/);
});

test('a difference that rounds have among themselves is none', () => {
  const row = (id: string, mbps: number, lowest: number, highest: number) =>
    ({
      id,
      mbps,
      spread: { mbps: { median: mbps, lowest, highest } },
      explanation: { cause: { name: 'limit' } },
    }) as unknown as RowResult;
  const before = row('try/before', 20, 18, 22);
  const resultOf = (after: RowResult, cause: CauseName = 'limit') => {
    const result = trialResultOf([before, after], { change: 'x', testbed: 'native', cause });
    return 'reason' in result ? result.reason : [result.verdict, result.ratio, result.isSameCause];
  };
  assert.deepEqual(resultOf(row('try/after', 40, 39, 41)), ['better', 2, true]);
  assert.deepEqual(resultOf(row('try/after', 24, 21, 25), 'disk'), ['same', 1.2, false]);
  assert.deepEqual(resultOf(row('try/after', 10, 9, 11)), ['worse', 0.5, true]);
  assert.equal(resultOf({ id: 'try/after', reason: 'It died.' } as RowResult), 'It died.');
});
