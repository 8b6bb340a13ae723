import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MATRIX } from '../matrix/matrix.ts';
import { selectRows } from '../matrix/select-rows.ts';
import { groupForGuests } from './guest-groups.ts';
import { describeRow, resultOf, type Taken } from './row-result.ts';
import { seenDuring } from './sample.ts';
import { spreadOf } from './statistics.ts';

const row = (pattern: string) => selectRows({ quick: true, patterns: [pattern] })[0]!;

function taken(mbps: number, hostMbps: number): Taken {
  const seen = { requestSectors: 256, queueDepth: 0.6, utilisation: 0.6, bytes: 1 };
  return { hostMbps, sample: { mbps, seen, amplification: 1, guestBusy: 0.5, servingBusy: 0.5 } };
}

test('a row has the sample in the middle, the spread, and its ratio to the host in each round', () => {
  const rounds = [taken(60, 100), taken(80, 100), taken(50, 50)];
  const result = resultOf(row('local-disk/lsi53c895a/native*/read/'), rounds, 'tcg');
  assert.equal(result.mbps, 60);
  assert.deepEqual(result.spread?.mbps, { median: 60, lowest: 50, highest: 80 });
  assert.deepEqual(result.spread?.ratio, { median: 0.8, lowest: 0.6, highest: 1 });
  assert.deepEqual(
    result.rounds?.map(({ mbps, hostMbps }) => mbps / hostMbps!),
    [0.6, 0.8, 1],
  );
  assert.equal(result.vmm, 'emulation');
  assert.equal(result.explanation?.cause?.name, 'emulated-bus');
});

test('rounds in which the guest was kept waiting for the host’s processors are left out, and counted', () => {
  const round = (mbps: number, guestWaiting: number): Taken => {
    const { sample, ...rest } = taken(mbps, 100);
    return { ...rest, sample: { ...sample, guestWaiting } };
  };
  const which = row('local-disk/lsi53c895a/native*/read/');
  const rounds = [round(30, 0.9), round(60, 0.05), round(61, 0.1), round(62, 0.08), round(35, 0.6)];
  const { spread, samples, disturbed } = resultOf(which, rounds, 'tcg');
  assert.deepEqual([spread?.mbps.lowest, samples, disturbed], [60, 3, 2]);
  const starved = resultOf(which, [round(30, 0.9), round(31, 0.95), round(29, 0.88)], 'tcg');
  assert.deepEqual([starved.samples, starved.disturbed], [3, undefined]);
});

test('what the disk saw is of the interval in which the program worked, not of its beginning and end', () => {
  const seen = { requestSectors: 8, queueDepth: 12, utilisation: 0.6, bytes: 1, intervalMs: 4_000 };
  const outcome = { mbps: 5, bytes: 15e6 };
  const { queueDepth, utilisation, requestSectors } = seenDuring(outcome, seen);
  assert.deepEqual([queueDepth, utilisation.toFixed(6), requestSectors], [16, '0.800000', 8]);
  assert.equal(seenDuring(outcome, { ...seen, utilisation: 0.9 }).utilisation, 1);
  const { intervalMs: _none, ...byRequests } = seen;
  assert.equal(seenDuring(outcome, byRequests), byRequests);
  assert.equal(seenDuring({ mbps: 1, bytes: 15e6 }, seen), seen);
});

test('the paper’s values stand beside the row, their ratio from raw values', () => {
  const { paper } = describeRow(row('sparse*/read/'), 'kvm');
  assert.equal(paper?.mbps, 71.9);
  assert.equal(paper?.ratio, 71.9 / 108);
  assert.equal(paper?.isDefault, true);
  const later = describeRow(row('virtio-blk/io_uring+iothread+read-ahead'), 'kvm');
  assert.equal(later.paper, undefined);
  assert.equal(later.mark, 'ironbark-default');
});

test('a guest that keeps up has no cause named', () => {
  const { explanation } = resultOf(row('virtio-blk/native*/read/'), [taken(99, 100)], 'kvm');
  assert.match(explanation!.sentence, /no gap/);
});

test('guests are shared as far as adapters and slots allow', () => {
  const guests = MATRIX.filter(({ vmm, reason }) => vmm === 'guest' && reason === undefined);
  const groups = groupForGuests(guests);
  assert.deepEqual(new Set(groups.flat()), new Set(guests));
  for (const group of groups) {
    const count = (bus: string) => group.filter(({ profile }) => profile?.bus === bus).length;
    assert.ok(count('lsi53c895a') <= 7 && count('ide') <= 4 && group.length <= 20);
  }
  const quick = guests.filter(({ isQuick }) => isQuick);
  assert.equal(groupForGuests(quick).length, 1);
});

test('the spread of one figure is that figure', () => {
  assert.deepEqual(spreadOf([3]), { median: 3, lowest: 3, highest: 3 });
});
