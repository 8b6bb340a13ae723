import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CALIBRATION_FILE, parseCalibration } from '@ironbark/core/io-calibration.ts';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { Autopilot, type AutopilotOptions, clearCalibration, countGuests } from './autopilot.ts';

/** Whoever sleeps less watches a measurement. */
const LOOK_MS = 10_000;

async function prepare(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-autopilot-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'node'));
  const world = { guests: 0, load: 0, ran: 0, sleeps: 0, onRun: () => {}, onSleep: () => {} };
  const commands = {
    run: async (file: string) => {
      world.ran += 1;
      world.onRun();
      const stdout =
        file === 'dd' ? '1000000 bytes copied, 0.01 s, 1 MB/s' : 'Run completed in 1.000 seconds.';
      return { stdout, stderr: '', exitCode: 0 };
    },
  };
  // Waiting takes no time, and what changes meanwhile is the test's.
  const sleep: Clock['sleep'] = async (ms, signal) => {
    if (ms < LOOK_MS) return await systemClock.sleep(ms, signal);
    world.sleeps += 1;
    world.onSleep();
    signal?.throwIfAborted();
  };
  const options: AutopilotOptions = {
    clock: { ...systemClock, sleep },
    commands: commands as unknown as Commands,
    logger: createLogger({ write: () => {}, nowMs: () => 0 }),
    folder: join(folder, 'node'),
    countGuests: async () => world.guests,
    findCalibration: async () => undefined,
    readNetwork: async () => ({ hasVhostNet: true }),
    readLoad: () => world.load,
  };
  const read = async () => {
    const text = await readFile(join(folder, 'node', CALIBRATION_FILE), 'utf8').catch(() => '');
    return parseCalibration(text);
  };
  return { world, options, read };
}

test('nothing is measured until somebody says so, then once, and it is written down', async (t) => {
  const { world, options, read } = await prepare(t);
  await using autopilot = new Autopilot(options);
  assert.deepEqual([autopilot.report.state, world.ran], ['off', 0]);
  autopilot.begin();
  await autopilot.work;
  assert.equal(autopilot.report.state, 'done');
  assert.equal((await read())?.measuredBy, 'host');
  const { ran } = world;
  autopilot.begin();
  await autopilot.work;
  assert.equal(world.ran, ran);
});

test('a node that was measured is not measured again', async (t) => {
  const { world, options } = await prepare(t);
  const known = { aio: 'threads' } as never;
  await using autopilot = new Autopilot({ ...options, findCalibration: async () => known });
  autopilot.begin();
  await autopilot.work;
  assert.deepEqual([autopilot.report.state, world.ran], ['done', 0]);
});

test('what was measured meanwhile stays, before the first try and during it', async (t) => {
  const { world, options, read } = await prepare(t);
  const ranAtLeast = (count: number) => async () =>
    world.ran >= count ? ({ aio: 'threads' } as never) : undefined;
  await using measuring = new Autopilot({ ...options, findCalibration: ranAtLeast(1) });
  measuring.begin();
  await measuring.work;
  assert.deepEqual([measuring.report.state, await read()], ['done', undefined]);
  const { ran } = world;
  world.guests = 1;
  let isMeasured = false;
  world.onSleep = () => {
    isMeasured = true;
    world.guests = 0;
  };
  const findCalibration = async () => (isMeasured ? ({ aio: 'threads' } as never) : undefined);
  await using waiting = new Autopilot({ ...options, findCalibration });
  waiting.begin();
  await waiting.work;
  assert.deepEqual([waiting.report.state, world.ran], ['done', ran]);
});

test('guests that come, run or go are there; others are not', () => {
  const powers = ['preparing', 'starting', 'running', 'stopping'] as const;
  assert.equal(countGuests(powers.map((power) => ({ power }))), powers.length);
  const gone = ['stopped', 'terminated', 'failed'] as const;
  assert.equal(countGuests(gone.map((power) => ({ power }))), 0);
});

test('what a killed daemon has left of a measurement goes, and nothing else', async (t) => {
  const { options } = await prepare(t);
  for (const name of ['calibration', 'calibration-by-hand'])
    await mkdir(join(options.folder, name));
  await clearCalibration(options.folder);
  await clearCalibration(options.folder);
  assert.deepEqual(await readdir(options.folder), ['calibration-by-hand']);
});

test('it waits while guests run or the host is busy, and gives way to a guest that begins', async (t) => {
  const { world, options, read } = await prepare(t);
  world.guests = 1;
  const reasons: (string | undefined)[] = [];
  const busy = [() => (world.load = 1e6), () => (world.load = 0)];
  await using autopilot = new Autopilot(options);
  world.onSleep = () => {
    reasons.push(autopilot.report.reason);
    world.guests = 0;
    busy.shift()?.();
  };
  world.onRun = () => {
    if (world.ran === 4) world.guests = 1;
  };
  autopilot.begin();
  await autopilot.work;
  assert.match(reasons[0]!, /Guests run/);
  assert.match(reasons[1]!, /busy \(load 1000000/);
  assert.match(reasons[2]!, /Guests run/);
  assert.equal(autopilot.report.state, 'done');
  assert.notEqual(await read(), undefined);
});

test('the end of the daemon is the end of it, and what goes wrong is said', async (t) => {
  const { world, options, read } = await prepare(t);
  world.guests = 1;
  const ending = new Autopilot(options);
  world.onSleep = () => void ending[Symbol.asyncDispose]();
  ending.begin();
  await ending.work;
  assert.equal(ending.report.state, 'waiting');
  const countGuests = () => Promise.reject(new Error('the node is away'));
  await using failing = new Autopilot({ ...options, countGuests });
  failing.begin();
  await failing.work;
  assert.deepEqual(failing.report, { state: 'failed', reason: 'the node is away' });
  assert.equal(await read(), undefined);
});
