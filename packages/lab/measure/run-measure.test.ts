import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { MeasurePlan } from './measure-plan.ts';
import { MeasureSession, type Ran, SessionError } from './measure-session.ts';
import { type MeasureOutcome, type MeasureRun, runMeasure } from './run-measure.ts';
import { renderSessionScript } from './session-script.ts';

const PROGRAM = join(import.meta.dirname, '../../images/lab/programs/record-streams');

const PLAN: MeasurePlan = {
  ...{ workload: 'dd', directions: ['write', 'read'], sizeBytes: 8 * MIB, seconds: 1 },
};
const seen = { hostProcessor: 0.5 };

async function measure(
  session: MeasureRun['session'],
  changes: Partial<MeasureRun> = {},
): Promise<MeasureOutcome> {
  return await runMeasure({
    ...{ session, plan: PLAN, repeat: 1, signal: new AbortController().signal },
    ...{
      onProgress: () => {},
      watch: async (_job, work) => ({ ran: await work(), describe: () => seen }),
    },
    ...changes,
  });
}

const ran = (text: string, exitCode = 0): Ran => ({ text, exitCode, tookMs: 500 });
const RATE = '8388608 bytes (8.4 MB) copied, 0.5 s, 17 MB/s\n';

/** Answers as a guest would whose dd is the only thing that matters. */
function guest(answer: (isRead: boolean, count: number) => Ran): MeasureRun['session'] {
  let count = 0;
  const isMeasured = (command: string) => command.includes('exec ') && !command.startsWith('[');
  return {
    run: async (command) => {
      if (!isMeasured(command)) return ran('forgotten\n');
      count += 1;
      return answer(command.includes('of=/dev/null'), count);
    },
  };
}

test('a shell of this host writes, reads and takes everything away', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'ironbark-measure-'));
  try {
    const { signal } = new AbortController();
    const script = renderSessionScript({ path: parent, name: 'own', mark: 'ironbark:1' });
    const env = { PATH: process.env['PATH'] ?? '', HOME: '/' };
    const shell = await systemCommands.startAttached('sh', ['-c', script], { cwd: '/', env });
    const options = { process: shell, mark: 'ironbark:1', clock: systemClock, signal };
    await using session = await MeasureSession.open(options);
    // Without what forgets pages, which is all of the machine's.
    const own = {
      run: (command: string, ms: number) =>
        session.run(command.includes('drop_caches') ? 'true' : command, ms),
    };
    const dd = await measure(own, { repeat: 2 });
    assert.deepEqual(
      dd.rows.map(({ name, direction, rounds, isCached }) => [name, direction, rounds, isCached]),
      [
        ['dd', 'write', 2, undefined],
        ['dd', 'read', 2, true],
      ],
    );
    assert.ok(dd.rows.every(({ mbps = 0 }) => mbps > 0));
    const program = await readFile(PROGRAM, 'utf8');
    const records = await measure(own, { plan: { ...PLAN, workload: 'hadoop', program } });
    assert.deepEqual(
      records.rows.map(({ reason }) => reason),
      [undefined, undefined],
    );
    await session[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(parent), []);
  } finally {
    await rm(parent, { recursive: true });
  }
});

test('a full disk is the reason of its row, and the others are measured', async () => {
  const full = "dd: error writing './stream': No space left on device\n";
  const { rows, failure } = await measure(guest((isRead) => (isRead ? ran(RATE) : ran(full, 1))));
  assert.equal(failure, undefined);
  assert.equal(rows[0]!.reason, 'The disk is full.');
  assert.equal(rows[1]!.mbps, 16.777216);
});

test('a lost connection ends it, and what was measured stays', async () => {
  const { rows, failure } = await measure(
    guest((_isRead, count) => {
      if (count === 4) throw new SessionError('the connection was lost');
      return ran(RATE);
    }),
    { repeat: 3 },
  );
  assert.equal(failure, 'The connection was lost.');
  assert.deepEqual(
    rows.map(({ rounds, reason }) => [rounds, reason]),
    [
      [2, 'It was ended before this.'],
      [1, 'It was ended before this.'],
    ],
  );
});

test('Ctrl-C is no failure, and of rounds the one in the middle counts', async () => {
  const interrupt = new AbortController();
  const rates = [0.5, 0.25, 1];
  const { rows, failure } = await measure(
    guest((isRead, count) => {
      if (isRead) {
        interrupt.abort(new Error('interrupted'));
        throw new Error('interrupted');
      }
      return ran(RATE.replace('0.5', String(rates[count - 1])));
    }),
    { signal: interrupt.signal },
  );
  assert.equal(failure, undefined);
  assert.equal(rows[0]!.mbps, 16.777216);
  assert.equal(rows[1]!.reason, 'It was ended before this.');
  const writes = { plan: { ...PLAN, directions: ['write' as const] }, repeat: 3 };
  const three = await measure(
    guest((_isRead, count) => ran(RATE.replace('0.5', String(rates[count - 1])))),
    writes,
  );
  assert.equal(three.rows[0]!.mbps, 16.777216);
  assert.deepEqual([three.rows[0]!.spread?.lowest, three.rows[0]!.rounds], [8.388608, 3]);
});

test('what a hostile guest says is a reason without its escapes, and never a number that is none', async () => {
  const says = async (text: string, exitCode: number, changes: Partial<MeasurePlan> = {}) => {
    const plan = { ...PLAN, directions: ['read' as const], ...changes };
    return (
      await measure(
        guest(() => ran(text, exitCode)),
        { plan },
      )
    ).rows[0]!;
  };
  assert.equal((await says('\u001b[31mowned\u0007', 1)).reason, '?[31mowned?');
  assert.ok(((await says('x'.repeat(100_000), 0)).reason?.length ?? 0) <= 400);
  const endless = await says('8388608 bytes (8.4 MB) copied, 0 s, 17 MB/s', 0);
  assert.equal(endless.reason, 'What it says of its rate is no number.');
  const side = { bw_bytes: 5e6, io_bytes: 1e7, iops: '\u001b[2J', clat_ns: { mean: 1 } };
  const report = JSON.stringify({ jobs: [{ read: side }] }, undefined, 1);
  const fio = await says(report, 0, { workload: 'fio' });
  assert.equal(fio.reason, 'What it says of its rate is no number.');
  assert.equal(fio.iops, undefined);
});
