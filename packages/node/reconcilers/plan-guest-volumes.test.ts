import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIRECT, GUEST_ATTACHED } from '@ironbark/core/io-profile.ts';
import { instanceIntent } from '../testing/instance-intent.ts';
import {
  type GuestVolumeStep,
  type ObservedGuestVolume,
  planGuestClosing,
  planGuestRepairs,
  planGuestVolumes,
} from './plan-guest-volumes.ts';

const ID = 'vol-0000000000000000a';
const source = { kind: 'nbd-unix', socketPath: '/run/a.sock', exportName: ID } as const;

function wants(profile = GUEST_ATTACHED) {
  const volume = { volumeId: ID, deviceName: '/dev/sdf', sizeBytes: 1, source, profile } as const;
  return instanceIntent({ volumes: [volume] });
}

function seen(changes: Partial<ObservedGuestVolume> = {}): ObservedGuestVolume {
  return {
    volumeId: ID,
    transport: 'aoe',
    isWhole: true,
    isCutOff: false,
    hasReleased: false,
    isGone: false,
    ...changes,
  };
}

const SERVE: GuestVolumeStep = { kind: 'serve-volume', volumeId: ID };
const ASK: GuestVolumeStep = { kind: 'ask-for-volume', volumeId: ID };
const close = (isForced: boolean): GuestVolumeStep => ({
  ...{ kind: 'close-volume', volumeId: ID },
  isForced,
});

const CASES: [string, ReturnType<typeof wants>, ObservedGuestVolume[], GuestVolumeStep[]][] = [
  ['one that is wanted is served', wants(), [], [SERVE]],
  ['one that the host drives is not', wants(DIRECT), [], []],
  ['one that is served is left alone', wants(), [seen()], []],
  ['the guest is asked for one that is to go', instanceIntent(), [seen()], [ASK]],
  ['released, it is closed', instanceIntent(), [seen({ hasReleased: true })], [close(false)]],
  ['taken by force, it is closed so', instanceIntent(), [seen({ isGone: true })], [close(true)]],
  ['wanted again before it was closed, it stays', wants(), [seen({ hasReleased: true })], []],
];

for (const [name, desired, observed, steps] of CASES) {
  test(name, () => assert.deepEqual(planGuestVolumes(desired, observed), steps));
}

test('what serves a volume is repaired, unless nobody needs it any more', () => {
  assert.deepEqual(planGuestRepairs(wants(), [seen({ isWhole: false })]), [SERVE]);
  const others = [{ hasReleased: true }, { isGone: true }].map((each) =>
    seen({ isWhole: false, ...each }),
  );
  assert.deepEqual(planGuestRepairs(wants(), [seen(), ...others]), []);
});

test('a guest that is off needs none of them', () => {
  assert.deepEqual(planGuestClosing([seen(), seen({ isWhole: false })]), [
    close(false),
    close(false),
  ]);
});

test('a volume that is to go is led to nobody who serves it anew: it may be another instance’s', () => {
  const broken = { isWhole: false };
  assert.deepEqual(planGuestRepairs(instanceIntent(), [seen(broken)]), [SERVE]);
  const cutOff = seen({ ...broken, isCutOff: true });
  assert.deepEqual(planGuestRepairs(instanceIntent(), [cutOff]), []);
  assert.deepEqual(planGuestRepairs(wants(), [cutOff]), [SERVE]);
});
