import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { namedProfile, PROFILE_NAMES } from './lab-profile.ts';
import { parseProfile } from './parse-profile.ts';

const DISK = { readBytesPerSecond: 50e6, writeBytesPerSecond: 40e6 };
const parse = (value: unknown) => parseProfile(JSON.stringify(value), 'old-server');

test('a profile names a disk, a volume and a wire; what is left out is the host’s own or nothing', () => {
  const wire = { bitsPerSecond: 1e8, mtu: 1_500 };
  const volume = { ...DISK, seekMs: 2, nearBytes: 1e6, creditMs: 50 };
  const profile = parse({ disk: DISK, volume, wire });
  assert.deepEqual(profile, {
    name: 'old-server',
    testbed: { disk: { ...DISK, seekMs: 0, nearBytes: 0, creditMs: 0 }, volume, wire },
    sizes: { quick: 80 * MIB, whole: 192 * MIB },
    quickSeconds: 120,
  });
  const own = parse({ name: 'mine' });
  assert.deepEqual([own.name, own.testbed], ['mine', { disk: undefined, wire: undefined }]);
});

test('transfers on a very slow or a very fast disk are kept within bounds', () => {
  const sizes = (rate: number) =>
    parse({ disk: { readBytesPerSecond: rate, writeBytesPerSecond: rate } }).sizes;
  assert.deepEqual(sizes(1e5), { quick: 16 * MIB, whole: 16 * MIB });
  assert.deepEqual(sizes(3e9), { quick: 512 * MIB, whole: 512 * MIB });
});

const BAD: readonly [what: string, value: unknown, error: RegExp][] = [
  ['a list', [], /^the profile has to be an object/],
  ['an unknown member', { disc: DISK }, /^disc is not known; there are name, disk, volume, wire$/],
  ['an unknown member within', { disk: { ...DISK, rpm: 7_200 } }, /^disk\.rpm is not known/],
  [
    'a rate left out',
    { disk: { readBytesPerSecond: 1e6 } },
    /^disk\.writeBytesPerSecond is missing$/,
  ],
  [
    'a rate as text',
    { disk: { ...DISK, readBytesPerSecond: '50M' } },
    /^disk\.read.*a number from 10000/,
  ],
  [
    'a rate below any',
    { disk: { ...DISK, readBytesPerSecond: 0 } },
    /^disk\.readBytesPerSecond has/,
  ],
  [
    'a seek of minutes',
    { disk: { ...DISK, seekMs: 60_000 } },
    /^disk\.seekMs has to be .* 0 to 1000$/,
  ],
  ['a volume by itself', { volume: DISK }, /^volume needs a disk/],
  ['half a frame', { wire: { bitsPerSecond: 1e9, mtu: 1_500.5 } }, /^wire\.mtu has to be a whole/],
  ['a wire without frames', { wire: { bitsPerSecond: 1e9 } }, /^wire\.mtu is missing$/],
  ['a name with a path', { name: '../x' }, /^name has to be/],
];

for (const [what, value, error] of BAD) {
  test(`a profile with ${what} is refused, and the place is named`, () => {
    assert.throws(() => parse(value), { name: 'ProfileError', message: error });
  });
}

test('text that is no JSON is refused with what is wrong', () => {
  assert.throws(() => parseProfile('disk: 3', 'x'), /^ProfileError: the profile is no JSON: /);
});

test('each profile that has a name has its testbed and a size', () => {
  for (const name of PROFILE_NAMES) {
    const { testbed, sizes } = namedProfile(name);
    assert.ok(sizes.quick < sizes.whole);
    assert.equal(testbed.disk === undefined, name === 'native');
  }
  assert.equal(namedProfile('paper').testbed.disk!.seekMs > 12, true);
});
