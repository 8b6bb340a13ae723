import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { networkTrialResultOf } from '../run/trial-result.ts';
import { NETWORK_CAUSES } from './network-causes.ts';
import { type NetworkTrialSubject, networkTrialOf } from './network-trials.ts';

const idsOf = (subject: Partial<NetworkTrialSubject>) => {
  const trial = networkTrialOf({
    ...{ cause: undefined, direction: 'transmit', profile: PARAVIRTUAL },
    ...subject,
  });
  return 'reason' in trial ? trial.reason : [trial.before.id, trial.after.id];
};

test('a card that nobody asks for more is tried with several streams', () => {
  const expected = [
    'network/host/virtio-net+mtu-1500/transmit/1',
    'network/host/virtio-net+mtu-1500/transmit/4',
  ];
  assert.deepEqual(idsOf({}), expected);
  assert.deepEqual(idsOf({ cause: 'waiting-guest' }), expected);
});

test('what an explanation names is what differs between the two, and nothing else', () => {
  assert.deepEqual(idsOf({ cause: 'small-frames', direction: 'receive' }), [
    'network/host/virtio-net+mtu-1500/receive/1',
    'network/host/virtio-net/receive/1',
  ]);
  const plain = { ...PARAVIRTUAL, offloads: false };
  assert.deepEqual(idsOf({ cause: 'small-frames', profile: plain }), [
    'network/host/virtio-net-plain+mtu-1500/transmit/1',
    'network/host/virtio-net+mtu-1500/transmit/1',
  ]);
  const changeOf = (profile: NetworkTrialSubject['profile']) => {
    const trial = networkTrialOf({ cause: 'small-frames', direction: 'transmit', profile });
    return 'change' in trial ? trial.change : trial.reason;
  };
  assert.equal(changeOf(plain), 'offloads');
  assert.equal(changeOf(PARAVIRTUAL), 'frames of 9,000 bytes');
  const emulated = { ...PARAVIRTUAL, model: 'e1000' as const, mtu: 9_000 };
  assert.deepEqual(idsOf({ cause: 'emulated-nic', profile: emulated }), [
    'network/host/e1000/transmit/1',
    'network/host/virtio-net/transmit/1',
  ]);
});

test('every cause is tried or says why it is not, and nothing is tried against itself', () => {
  for (const { name } of NETWORK_CAUSES) {
    const found = idsOf({ cause: name });
    if (typeof found === 'string') assert.match(found, /^[A-Z].*\.$/, name);
    else assert.notEqual(found[0], found[1]);
  }
  assert.match(idsOf({ cause: 'single-queue' }) as string, /vhost-net/);
  const wide = { ...PARAVIRTUAL, mtu: 9_000 };
  assert.match(idsOf({ cause: 'small-frames', profile: wide }) as string, /already/);
});

test('a trial is better only if no round of the one is among those of the other', () => {
  const trial = networkTrialOf({ cause: undefined, direction: 'transmit', profile: PARAVIRTUAL });
  assert.ok('before' in trial);
  const row = (id: string, [lowest, median, highest]: [number, number, number]) => ({
    ...{ id, nic: 'virtio-net', peer: 'host', measure: 'transmit', streams: 1, mtu: 1_500 },
    ...{ megabitsPerSecond: median, spread: { value: { lowest, median, highest } } },
  });
  const verdict = (before: [number, number, number], after: [number, number, number]) => {
    const rows = [row(trial.before.id, before), row(trial.after.id, after)];
    const result = networkTrialResultOf(rows as never, trial);
    return 'reason' in result ? result.reason : result.verdict;
  };
  assert.equal(verdict([90, 100, 110], [180, 200, 220]), 'better');
  assert.equal(verdict([90, 100, 210], [180, 200, 220]), 'same');
  assert.equal(verdict([180, 200, 220], [90, 100, 110]), 'worse');
  const missing = networkTrialResultOf([], trial);
  assert.deepEqual(missing, { reason: 'It was not measured.' });
});
