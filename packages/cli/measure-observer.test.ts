import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CALIBRATION_FILE } from '@ironbark/core/io-calibration.ts';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { MeasureJob } from '@ironbark/lab/measure/measure-jobs.ts';
import type { DiskStats } from '@ironbark/node/drivers/hypervisor-driver.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { CliContext } from './context.ts';
import type { AdminApi } from './daemon/admin-api.ts';
import { dataPaths } from './daemon/paths.ts';
import { watchHost, watchInstance } from './measure-observer.ts';

const VOLUME = 'vol-0123456789abcdef0';
const ID = 'i-0123456789abcdef0';
let dataDir: string;
let context: CliContext;
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ironbark-observer-'));
  await mkdir(dataPaths(dataDir).node);
  const calibration = {
    ...{ format: 'ironbark-io-calibration/1', measuredAt: '2026-01-01T00:00:00Z', aio: 'io_uring' },
    ...{ readBytesPerSecond: 100e6, writeBytesPerSecond: 50e6, reason: 'It was fastest.' },
  };
  await writeFile(join(dataPaths(dataDir).node, CALIBRATION_FILE), JSON.stringify(calibration));
  context = { dataDir, clock: systemClock } as CliContext;
});
after(() => rm(dataDir, { recursive: true }));

const still = (serial: string): DiskStats => ({
  ...{ serial, readOps: 0, writeOps: 0, flushOps: 0, readBytes: 0, writeBytes: 0 },
  ...{ readNs: 0, writeNs: 0, flushNs: 0, failedOps: 0 },
});

/** What a daemon says of an instance with a root disk and a volume, of which the volume is read from. */
function daemon(isElsewhere: boolean): AdminApi {
  let asked = 0;
  const limits = { iops: 3_000, bytesPerSecond: 125e6, operationBytes: 262_144 };
  const volume = { volumeId: VOLUME, instanceId: ID, limits, ...(isElsewhere && { isElsewhere }) };
  return {
    diskStats: async () => {
      asked += 1;
      if (asked === 1) return [still('root'), still(VOLUME)];
      const read = { readOps: 64, readBytes: 32 * MIB, readNs: 320e6 };
      return [
        { ...still('root'), writeOps: 1, writeBytes: 4_096 },
        { ...still(VOLUME), ...read },
      ];
    },
    status: async () => ({
      node: { instances: [{ id: ID, volumes: [{ volumeId: VOLUME, profile: DIRECT }] }] },
    }),
    volumes: async () => [volume],
  } as unknown as AdminApi;
}

const job = (name: string) => ({ name, direction: 'read' }) as MeasureJob;
const ran = async () => {
  // As long as whoever waits sees at least: the program's own time is shorter than the interval.
  await systemClock.sleep(20);
  return { text: '', exitCode: 0, tookMs: 20 };
};
const OUTCOME = { mbps: (32 * MIB) / 0.01 / 1e6, bytes: 32 * MIB };

async function seenBy(name: string, isElsewhere = false, outcome = OUTCOME) {
  const place = { kind: 'instance', id: ID, daemon: daemon(isElsewhere), sshArgs: [] } as const;
  const { describe } = await (await watchInstance(context, place))(job(name), ran);
  return describe(outcome);
}

test('of a guest’s disks the one that moved counts, for as long as the program moved bytes', async () => {
  const { disk, ratio, explanation, hostProcessor } = await seenBy('dd');
  assert.equal(disk?.disk, VOLUME);
  assert.equal(disk.requestSectors, 1_024);
  assert.equal(disk.readLatencyMs, 5);
  assert.equal(disk.writeLatencyMs, undefined);
  assert.equal(Math.round(disk.readBytesPerSecond), Math.round((32 * MIB) / 0.01));
  assert.equal(Math.round(disk.queueDepth), 32);
  assert.equal(ratio, (OUTCOME.mbps * 1e6) / 100e6);
  assert.match(explanation?.sentence ?? '', /there is no gap/);
  assert.ok(hostProcessor >= 0 && hostProcessor <= 1);
});

test('what no disk that is counted saw is explained by none of them', async () => {
  const { disk, isUncounted, explanation } = await seenBy('dd', false, {
    ...{ mbps: OUTCOME.mbps, bytes: 100 * OUTCOME.bytes },
  });
  assert.deepEqual([disk, isUncounted, explanation], [undefined, true, undefined]);
});

test('requests at random, and volumes that are elsewhere, are not held against the host’s disk', async () => {
  const random = await seenBy('fio-random-qd16');
  assert.equal(random.ratio, undefined);
  assert.ok(random.explanation !== undefined);
  const elsewhere = await seenBy('dd', true);
  assert.deepEqual([elsewhere.ratio, elsewhere.host], [undefined, undefined]);
  assert.equal(elsewhere.explanation?.split, undefined);
});

test('the host is held against what was measured of its disk, where it is the same disk', async () => {
  const { describe } = await (await watchHost(context, dataDir))(job('dd'), ran);
  assert.equal(describe({ mbps: 80, bytes: MIB }).ratio, 0.8);
  const elsewhere = await (await watchHost(context, '/proc'))(job('dd'), ran);
  const seen = elsewhere.describe({ mbps: 80, bytes: MIB });
  assert.deepEqual([seen.ratio, seen.host], [undefined, undefined]);
});
