import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ATA,
  DATA_OFFSET,
  MAX_SECTORS,
  parseAta,
  parseAtaEnd,
  planAta,
  renderAta,
  renderAtaEnd,
  SECTOR_BYTES,
  sectorsPerFrame,
} from './ata.ts';
import {
  CONFIG,
  MAX_CONFIG_BYTES,
  parseConfig,
  planConfig,
  renderConfig,
  renderConfigQuestion,
} from './config-string.ts';
import {
  type AoeHeader,
  ERROR,
  isGroupAddress,
  parseHeader,
  parseMac,
  renderHeader,
  renderMac,
  turnIntoReply,
} from './frame.ts';
import { parseIdentity, renderIdentity } from './identify.ts';
import {
  DIRECTIVE,
  MASK_ERROR,
  MAX_LIST,
  mayCommand,
  planMasks,
  planReserve,
  RESERVE,
  renderMasks,
  renderReserve,
} from './mac-lists.ts';

const ROOM = 9_252;
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true });
const mac = fc.nat({ max: 2 ** 48 - 1 });
const byte = fc.nat({ max: 255 });
const header: fc.Arbitrary<AoeHeader> = record({
  destination: mac,
  source: mac,
  version: fc.nat({ max: 15 }),
  isResponse: fc.boolean(),
  error: byte,
  shelf: fc.nat({ max: 65_535 }),
  slot: byte,
  command: byte,
  tag: fc.nat({ max: 2 ** 32 - 1 }),
});

/** What the checks of a frame are for: any bytes at all. */
const anyFrame = fc.uint8Array({ minLength: 0, maxLength: 200 }).map((bytes) => Buffer.from(bytes));

test('a header is read as it was written', () => {
  fc.assert(
    fc.property(header, (given) => {
      const frame = Buffer.alloc(64, 0xa5);
      renderHeader(frame, given);
      assert.deepEqual(parseHeader(frame), given);
    }),
  );
});

test('a reply goes back to who asked, with the same command and tag, from the disk’s own address', () => {
  fc.assert(
    fc.property(header, mac, (given, own) => {
      const frame = Buffer.alloc(64, 0xa5);
      renderHeader(frame, given);
      turnIntoReply(frame, { mac: own, shelf: 7, slot: 3 });
      const { command, tag, source } = given;
      const expected = { destination: source, source: own, command, tag, shelf: 7, slot: 3 };
      assert.deepEqual(parseHeader(frame), {
        ...expected,
        version: 1,
        isResponse: true,
        error: 0,
      });
    }),
  );
});

test('no bytes make a check throw, and none leads outside of the disk', () => {
  const disk = record({
    sectors: fc.nat({ max: 2 ** 47 }),
    isReadOnly: fc.boolean(),
    maxSectors: fc.nat({ max: MAX_SECTORS }),
  });
  fc.assert(
    fc.property(anyFrame, disk, fc.constantFrom(...Object.values(ATA)), (bytes, facts, command) => {
      parseHeader(bytes);
      if (bytes.length > 27) bytes[27] = command;
      const request = parseAta(bytes);
      const plan = request === undefined ? undefined : planAta(request, facts);
      if (plan?.kind === 'read' || plan?.kind === 'write') {
        assert.ok(plan.offset >= 0 && plan.offset % SECTOR_BYTES === 0);
        assert.ok(plan.length > 0 && plan.length <= facts.maxSectors * SECTOR_BYTES);
        assert.ok(plan.offset + plan.length <= facts.sectors * SECTOR_BYTES);
      }
      if (plan?.kind === 'write') {
        assert.ok(!facts.isReadOnly);
        assert.ok(DATA_OFFSET + plan.length <= bytes.length, 'more than the frame has is written');
      }
      planConfig(bytes, Buffer.from('text'));
      planMasks(bytes, [1, 2]);
      planReserve(bytes, [], 5);
      parseConfig(bytes);
      parseAtaEnd(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test('a command is read as it was written, with 48 bits and with 28', () => {
  const request = record({
    command: byte,
    feature: byte,
    count: byte,
    isExtended: fc.boolean(),
  });
  fc.assert(
    fc.property(request, fc.nat({ max: 2 ** 48 - 1 }), (given, wide) => {
      const lba = given.isExtended ? wide : wide % 2 ** 28;
      const frame = Buffer.alloc(DATA_OFFSET + 512, 0xa5);
      renderAta(frame, { ...given, lba, isWrite: false });
      assert.deepEqual(parseAta(frame), { ...given, lba, dataBytes: 512 });
    }),
  );
});

test('each ATA command has its effect, and what is out of range its fault', () => {
  const disk = { sectors: 1_000, isReadOnly: false, maxSectors: 17 };
  const base = { feature: 0, count: 1, lba: 0, isExtended: true, dataBytes: 17 * 512 };
  const plan = (change: object, facts = disk) => planAta({ command: 0, ...base, ...change }, facts);
  assert.deepEqual(plan({ command: ATA.readSectorsExt, count: 17, lba: 983 }), {
    kind: 'read',
    offset: 983 * 512,
    length: 17 * 512,
  });
  assert.deepEqual(plan({ command: ATA.writeSectors, lba: 5, isExtended: false }), {
    kind: 'write',
    offset: 5 * 512,
    length: 512,
  });
  const outside = { kind: 'fault', fault: 'idNotFound' };
  assert.deepEqual(plan({ command: ATA.readSectorsExt, count: 17, lba: 984 }), outside);
  assert.deepEqual(plan({ command: ATA.readVerifyExt, lba: 1_000 }), outside);
  assert.equal(plan({ command: ATA.readVerify, lba: 999 }).kind, 'done');
  for (const command of [ATA.flushCache, ATA.flushCacheExt, ATA.standbyImmediate]) {
    assert.equal(plan({ command }).kind, 'flush');
  }
  assert.equal(plan({ command: ATA.identify }).kind, 'identify');
  assert.equal(plan({ command: ATA.checkPowerMode }).kind, 'power-mode');
  assert.deepEqual(plan({ command: ATA.setFeatures, feature: 0x82 }), {
    kind: 'write-cache',
    isOn: false,
  });
  const aborted = { kind: 'fault', fault: 'aborted' };
  assert.deepEqual(plan({ command: ATA.setFeatures, feature: 0x77 }), aborted);
  assert.deepEqual(plan({ command: 0x25 }), aborted);
  assert.deepEqual(plan({ command: ATA.writeSectorsExt }, { ...disk, isReadOnly: true }), aborted);
  const wrong = { kind: 'bad-argument' };
  assert.deepEqual(plan({ command: ATA.readSectorsExt, count: 18 }), wrong);
  assert.deepEqual(plan({ command: ATA.readSectorsExt, count: 0 }), wrong);
  assert.deepEqual(plan({ command: ATA.writeSectorsExt, count: 2, dataBytes: 1_023 }), wrong);
});

test('a frame of 9,000 bytes holds 17 sectors, one of 1,500 holds 2', () => {
  assert.deepEqual([9_000, 1_500, 576, 500].map(sectorsPerFrame), [17, 2, 1, 0]);
});

test('the end of a command says whether it worked', () => {
  const frame = Buffer.alloc(64);
  renderAtaEnd(frame);
  assert.equal(parseAtaEnd(frame)?.ok, true);
  renderAtaEnd(frame, 'uncorrectable');
  assert.deepEqual(parseAtaEnd(frame), { ok: false, fault: 0x40, count: 0 });
});

test('a disk says who it is, and its sum holds', () => {
  const text = (maxLength: number) =>
    fc.stringMatching(new RegExp(`^[A-Za-z0-9]{1,${maxLength}}$`));
  const identity = record({
    sectors: fc.nat({ max: 2 ** 48 }),
    serial: text(20),
    firmware: text(8),
    model: text(40),
    isWriteCacheOn: fc.boolean(),
  });
  fc.assert(
    fc.property(identity, (given) => {
      const bytes = Buffer.alloc(512, 0xa5);
      renderIdentity(bytes, given);
      assert.deepEqual(parseIdentity(bytes), given);
      bytes[300]! += 1;
      assert.equal(parseIdentity(bytes), undefined);
    }),
  );
});

test('a config string is set when there is none, kept when there is another, and replaced by force', () => {
  const ask = (command: number, text: string, current: string) => {
    const frame = Buffer.alloc(ROOM);
    const length = renderConfigQuestion(frame, command, Buffer.from(text));
    return planConfig(frame.subarray(0, length), Buffer.from(current));
  };
  assert.equal(ask(CONFIG.read, '', 'mine').kind, 'reply');
  assert.equal(ask(CONFIG.testExact, 'mine', 'mine').kind, 'reply');
  assert.equal(ask(CONFIG.testExact, 'min', 'mine').kind, 'silence');
  assert.equal(ask(CONFIG.testPrefix, 'min', 'mine').kind, 'reply');
  assert.equal(ask(CONFIG.testPrefix, 'mine!', 'mine').kind, 'silence');
  assert.deepEqual(ask(CONFIG.set, 'new', ''), { kind: 'set', text: Buffer.from('new') });
  assert.deepEqual(ask(CONFIG.set, 'new', 'mine'), { kind: 'error', error: ERROR.configPresent });
  assert.deepEqual(ask(CONFIG.forceSet, '', 'mine'), { kind: 'set', text: Buffer.alloc(0) });
  const long = 'x'.repeat(MAX_CONFIG_BYTES + 1);
  assert.deepEqual(ask(CONFIG.set, long, ''), { kind: 'error', error: ERROR.badArgument });
});

test('a config string is read as it was answered', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: MAX_CONFIG_BYTES }), (bytes) => {
      const frame = Buffer.alloc(ROOM, 0xa5);
      const facts = { bufferCount: 64, firmware: 1, maxSectors: 17 };
      const length = renderConfig(frame, facts, Buffer.from(bytes));
      assert.deepEqual(parseConfig(frame.subarray(0, length)), {
        ...facts,
        text: Buffer.from(bytes),
      });
    }),
  );
});

function maskEdit(directives: readonly [number, number][]): Buffer {
  const frame = Buffer.alloc(28 + directives.length * 8);
  frame[25] = 1;
  frame[27] = directives.length;
  for (const [index, [directive, address]] of directives.entries()) {
    frame[29 + index * 8] = directive;
    frame.writeUIntBE(address, 30 + index * 8, 6);
  }
  return frame;
}

test('a mask list is edited as a whole or not at all', () => {
  const edit = (...directives: [number, number][]) => planMasks(maskEdit(directives), [1, 2]);
  assert.deepEqual(edit([DIRECTIVE.add, 3], [DIRECTIVE.remove, 1], [DIRECTIVE.none, 9]), {
    kind: 'replace',
    list: [2, 3],
  });
  const refused = { kind: 'refused', maskError: MASK_ERROR.badDirective };
  assert.deepEqual(edit([DIRECTIVE.add, 3], [7, 4]), refused);
  const full = Array.from({ length: MAX_LIST }, (_, index) => index);
  const outcome = planMasks(maskEdit([[DIRECTIVE.add, 1_000]]), full);
  assert.deepEqual(outcome, { kind: 'refused', maskError: MASK_ERROR.full });
  const short = maskEdit([[DIRECTIVE.add, 3]]).subarray(0, 32);
  assert.deepEqual(planMasks(short, []), { kind: 'error', error: ERROR.badArgument });
  assert.ok(renderMasks(Buffer.alloc(1_514), full) <= 1_514, 'a full list does not fit a frame');
});

test('a reserved disk takes commands of its holders alone, and another list of them alone or by force', () => {
  const ask = (command: number, list: number[], current: number[], source: number) => {
    const frame = Buffer.alloc(1_514);
    frame[24] = command;
    return planReserve(frame.subarray(0, renderReserve(frame, list)), current, source);
  };
  assert.deepEqual(ask(RESERVE.set, [5, 6, 5], [], 5), { kind: 'replace', list: [5, 6] });
  assert.deepEqual(ask(RESERVE.set, [7], [5], 7), { kind: 'error', error: ERROR.reserved });
  assert.deepEqual(ask(RESERVE.set, [], [5], 5), { kind: 'replace', list: [] });
  assert.deepEqual(ask(RESERVE.forceSet, [7], [5], 7), { kind: 'replace', list: [7] });
  assert.equal(ask(RESERVE.read, [], [5], 7).kind, 'reply');
  assert.deepEqual(
    [mayCommand([], 7), mayCommand([5], 7), mayCommand([5], 5)],
    [true, false, true],
  );
});

test('addresses are written as people write them', () => {
  fc.assert(fc.property(mac, (given) => assert.equal(parseMac(renderMac(given)), given)));
  for (const wrong of ['', '02:00:00:00:00', '02:00:00:00:00:0g', '020000000001']) {
    assert.equal(parseMac(wrong), undefined);
  }
  assert.ok(isGroupAddress(parseMac('01:00:5e:00:00:01')!));
  assert.ok(!isGroupAddress(parseMac('02:00:5e:00:00:01')!));
});
