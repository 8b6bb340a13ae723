import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { CommandResult, Commands } from '@ironbark/platform/commands.ts';
import { benchArguments, parseBench } from './host-bench.ts';
import { calibrateHost, type HostCalibrationOptions } from './host-calibration.ts';

/** Each request takes a time that depends on the engine, the cache and the size. */
class TimedCommands implements Pick<Commands, 'run'> {
  readonly ran: string[][] = [];
  readonly refuses: string | undefined;

  constructor(refuses?: string) {
    this.refuses = refuses;
  }

  async run(file: string, args: readonly string[]): Promise<CommandResult> {
    this.ran.push([file, ...args]);
    const ok = { stderr: '', exitCode: 0 };
    if (file === 'dd') return { ...ok, stdout: '1000000 bytes (1 MB) copied, 0.01 s, 100 MB/s\n' };
    if (file !== 'qemu-img') return { ...ok, stdout: '' };
    const wordAfter = (name: string) => args[args.indexOf(name) + 1]!;
    if (wordAfter('-i') === this.refuses) throw new Error('aio is not allowed');
    const perRequest = { io_uring: 0.0001, native: 0.0002, threads: 0.0003 }[wordAfter('-i')]!;
    const seconds = Number(wordAfter('-c')) * perRequest;
    return { ...ok, stdout: `Sending …\nRun completed in ${seconds.toFixed(3)} seconds.\n` };
  }
}

async function calibrate(
  commands: Pick<Commands, 'run'>,
  proceed = async () => {},
  given: Partial<Pick<HostCalibrationOptions, 'signal' | 'clock' | 'engine' | 'rates'>> = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-calibration-'));
  const place = join(folder, 'calibration');
  const found = await calibrateHost({
    ...{ commands: commands as unknown as Commands, clock: systemClock, proceed },
    ...{ folder: place, signal: new AbortController().signal, ...given },
    ...{ measuredAt: 'now', processors: 2, network: { hasVhostNet: true } },
  }).catch((error: unknown) => error);
  assert.deepEqual(await readdir(folder), [], 'nothing is left');
  await rm(folder, { recursive: true });
  if (found instanceof Error) throw found;
  return found as Awaited<ReturnType<typeof calibrateHost>>;
}

test('engines, caches, allocation and read-ahead are measured with QEMU itself, and nothing is left', async () => {
  const commands = new TimedCommands();
  const found = await calibrate(commands);
  assert.deepEqual([found.aio, found.readBytesPerSecond], ['io_uring', 100e6]);
  const benches = commands.ran
    .filter(([file]) => file === 'qemu-img')
    .map((args) => args.join(' '));
  for (const part of ['-t writethrough', '-t writeback', '--flush-interval=64', '-i native']) {
    assert.ok(
      benches.some((bench) => bench.includes(part)),
      part,
    );
  }
  assert.deepEqual(found.warnings, []);
});

test('what guests have measured of engines and the disk is not measured again', async () => {
  const commands = new TimedCommands();
  const measured = { native: 900, threads: 500 };
  const engine = { name: 'engine', chosen: 'native', measured, unit: 'requests/s', reason: 'So.' };
  const rates = { readBytesPerSecond: 7e6, writeBytesPerSecond: 6e6 };
  const found = await calibrate(commands, undefined, { engine, rates } as never);
  assert.deepEqual([found.aio, found.readBytesPerSecond], ['native', 7e6]);
  assert.ok(found.warnings!.some(({ name }) => name === 'no-io-uring'));
  const lines = commands.ran.map((args) => args.join(' '));
  assert.equal(lines.filter((line) => line.startsWith('dd')).length, 1);
  assert.ok(!lines.some((line) => line.includes('-d 16 -s 4096')), lines.join('\n'));
});

test('an engine that this host refuses is said and the others are measured', async () => {
  const { findings } = await calibrate(new TimedCommands('io_uring'));
  const engine = findings!.find(({ name }) => name === 'engine')!;
  assert.equal(engine.chosen, 'native');
  assert.match(engine!.reason, /io_uring does not work here \(aio is not allowed\)/);
});

test('whoever is asked before each measurement can end all of it', async () => {
  let asked = 0;
  const proceed = async () => {
    asked += 1;
    if (asked > 5) throw new Error('a guest began');
  };
  await assert.rejects(calibrate(new TimedCommands(), proceed), /a guest began/);
});

/** Never ends by itself. */
function hanging(onRun: () => void): Pick<Commands, 'run'> {
  const run: Commands['run'] = (_file, _args, options) => {
    const { promise, reject } = Promise.withResolvers<never>();
    options!.signal!.addEventListener('abort', () => reject(new Error('cancelled')));
    onRun();
    return promise;
  };
  return { run };
}

test('a measurement that is under way is ended by whoever is asked, and by the signal, with their reason', async () => {
  let isRunning = false;
  const commands = hanging(() => {
    isRunning = true;
  });
  const proceed = async () => {
    if (isRunning) throw new Error('a guest began');
  };
  const clock = { ...systemClock, sleep: async () => {} };
  await assert.rejects(calibrate(commands, proceed, { clock }), /a guest began/);
  const interrupted = new AbortController();
  const ended = hanging(() => interrupted.abort(new Error('interrupted')));
  const { signal } = interrupted;
  await assert.rejects(
    calibrate(ended, async () => {}, { signal }),
    /interrupted/,
  );
});

test('what bench is told and what it says', () => {
  const bench = { path: 'd', aio: 'native', cache: 'none', direction: 'write' } as const;
  const args = benchArguments({ ...bench, blockBytes: 4_096, depth: 16, stepBytes: 69_632 }, 7);
  const expected = 'bench -f raw -t none -i native -c 7 -d 16 -s 4096 -S 69632 -w d';
  assert.equal(args.join(' '), expected);
  assert.equal(parseBench('Sending 7 write requests\nRun completed in 1.254 seconds.\n'), 1.254);
  assert.throws(() => parseBench('no'), /qemu-img bench said: no/);
});
