import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { GIB } from '@ironbark/core/units.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { parseQcow2Header, type Qcow2Limits } from './qcow2-header.ts';

const LIMITS: Qcow2Limits = { fileBytes: 1024 * 1024, maxVirtualBytes: 128 * GIB };

/** A header as `qemu-img create -f qcow2 disk 1G` writes it, field by field. */
function header(version: 2 | 3 = 3): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(version, 4);
  bytes.writeUInt32BE(16, 20); // cluster bits
  bytes.writeBigUInt64BE(BigInt(1 * GIB), 24);
  bytes.writeUInt32BE(2, 36); // entries of the first-level table
  bytes.writeBigUInt64BE(0x30000n, 40);
  bytes.writeBigUInt64BE(0x10000n, 48);
  bytes.writeUInt32BE(1, 56);
  if (version === 3) {
    bytes.writeUInt32BE(4, 96);
    bytes.writeUInt32BE(112, 100);
  }
  return bytes;
}

function changed(change: (bytes: Buffer) => void, version: 2 | 3 = 3): Buffer {
  const bytes = header(version);
  change(bytes);
  return bytes;
}

test('an ordinary header of either version is read', () => {
  for (const version of [2, 3] as const) {
    assert.deepEqual(parseQcow2Header(header(version), LIMITS), {
      version,
      virtualBytes: 1 * GIB,
      clusterBytes: 65536,
    });
  }
});

const REFUSED: [what: string, bytes: Buffer, sentence: RegExp][] = [
  ['nothing at all', Buffer.alloc(0), /too short/],
  ['another magic', changed((b) => b.writeUInt8(0, 3)), /does not start/],
  ['version 1', changed((b) => b.writeUInt32BE(1, 4)), /version 1/],
  ['version 4', changed((b) => b.writeUInt32BE(4, 4)), /version 4/],
  ['a backing file', changed((b) => b.writeBigUInt64BE(512n, 8)), /backing file/],
  ['a backing file in version 2', changed((b) => b.writeBigUInt64BE(512n, 8), 2), /backing file/],
  ['the length of a backing name', changed((b) => b.writeUInt32BE(9, 16)), /backing file/],
  ['AES', changed((b) => b.writeUInt32BE(1, 32)), /encrypted/],
  ['LUKS', changed((b) => b.writeUInt32BE(2, 32)), /encrypted/],
  ['snapshots', changed((b) => b.writeUInt32BE(1, 60)), /snapshots/],
  ['clusters of 256 bytes', changed((b) => b.writeUInt32BE(8, 20)), /cluster size/],
  ['clusters of 4 MiB', changed((b) => b.writeUInt32BE(22, 20)), /cluster size/],
  ['an empty disk', changed((b) => b.writeBigUInt64BE(0n, 24)), /empty/],
  [
    'a giant disk',
    changed((b) => b.writeBigUInt64BE(2n ** 63n, 24)),
    /larger than the limit of 128 GiB/,
  ],
  ['a first level too small', changed((b) => b.writeUInt32BE(1, 36)), /first-level/],
  ['a first level too large', changed((b) => b.writeUInt32BE(0xffffffff, 36)), /first-level/],
  [
    'a first level beyond the file',
    changed((b) => b.writeBigUInt64BE(0x100000n, 40)),
    /beyond the end/,
  ],
  ['a first level in a cluster', changed((b) => b.writeBigUInt64BE(0x30008n, 40)), /misplaced/],
  ['counts beyond the file', changed((b) => b.writeUInt32BE(0xffffffff, 56)), /beyond the end/],
  ['an external data file', changed((b) => b.writeBigUInt64BE(4n, 72)), /another file/],
  ['a corrupt mark', changed((b) => b.writeBigUInt64BE(2n, 72)), /corrupt/],
  ['extended L2 entries', changed((b) => b.writeBigUInt64BE(16n, 72)), /not known/],
  ['a feature of the future', changed((b) => b.writeBigUInt64BE(1n << 60n, 72)), /not known/],
  ['an unknown compression', changed((b) => b.writeUInt8(7, 104)), /compression/],
  ['a header of 8 bytes', changed((b) => b.writeUInt32BE(8, 100)), /length of its header/],
  [
    'a header beyond the file',
    changed((b) => b.writeUInt32BE(0x10000000, 100)),
    /length of its header/,
  ],
  ['a backing format', changed((b) => b.writeUInt32BE(0xe2792aca, 112)), /backing file/],
  ['a data file name', changed((b) => b.writeUInt32BE(0x44415441, 112)), /data file/],
  ['an encryption header', changed((b) => b.writeUInt32BE(0x0537be77, 112)), /encrypted/],
  [
    'a data file name behind another extension',
    changed((b) => {
      b.writeUInt32BE(0x6803f857, 112);
      b.writeUInt32BE(48, 116);
      b.writeUInt32BE(0x44415441, 168);
    }),
    /data file/,
  ],
  [
    'an endless extension',
    changed((b) => {
      b.writeUInt32BE(0x6803f857, 112);
      b.writeUInt32BE(0xffffffff, 116);
    }),
    /malformed/,
  ],
];

for (const [what, bytes, sentence] of REFUSED) {
  test(`a header with ${what} is refused`, () => {
    assert.throws(
      () => parseQcow2Header(bytes, LIMITS),
      (error: unknown) => isServiceError(error) && sentence.test(error.message),
    );
  });
}

test('random damage gives a refusal or a harmless header, and nothing else', () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  let accepted = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = damage(header(random.fraction() < 0.5 ? 2 : 3), random);
    try {
      const { virtualBytes } = parseQcow2Header(bytes, LIMITS);
      accepted += 1;
      assert.ok(virtualBytes > 0 && virtualBytes <= LIMITS.maxVirtualBytes, `seed ${seed}`);
      assertHarmless(bytes, seed);
    } catch (error) {
      assert.ok(isServiceError(error), `seed ${seed}: ${String(error)}`);
    }
  }
  assert.ok(accepted > 100, `seed ${seed}: only ${accepted} were accepted, so little was tested`);
});

function damage(bytes: Buffer, random: ReturnType<typeof seededRandom>): Buffer {
  const pick = (below: number) => Math.floor(random.fraction() * below);
  for (let count = pick(4); count >= 0; count--) {
    const at = pick(160);
    if (random.fraction() < 0.5) bytes[at] = pick(256);
    else bytes[at]! ^= 1 << pick(8);
  }
  return random.fraction() < 0.1 ? bytes.subarray(0, pick(300)) : bytes;
}

function assertHarmless(bytes: Buffer, seed: number): void {
  assert.equal(bytes.readBigUInt64BE(8), 0n, `seed ${seed}: backing file`);
  assert.equal(bytes.readUInt32BE(32), 0, `seed ${seed}: encryption`);
  if (bytes.readUInt32BE(4) === 3) {
    assert.equal(bytes.readBigUInt64BE(72) & ~9n, 0n, `seed ${seed}: features`);
  }
}
