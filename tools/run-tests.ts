// Owns the order of the tests and the sum at the end: checks first, then what is quick, then real guests.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { inspect } from 'node:util';
import { projectDir } from './source-files.ts';

interface Stage {
  name: string;
  globs: string[];
  /** Of these, the files that another stage has. */
  except?: string[];
  /** Those that take longest: begun last, they would end alone. */
  first?: string[];
  /** Files at the same time. */
  concurrency: number;
  timeoutMs: number;
}

/** They look at the whole host, or hold its disks up. */
const FAULTS_OF_THE_HOST = ['test/faults/isolation.test.ts', 'test/faults/power-cut-disk.test.ts'];

/** They compare the host before and after. */
const GUESTS_ALONE = ['test/vm/first-cloud.test.ts', 'test/vm/two-clouds.test.ts'];

/** In one process each and in its memory: nothing of the host is touched. */
const IN_MEMORY = ['test/faults/simulation.test.ts', 'test/faults/steps.test.ts'];

/** One after the other; those of one line at the same time. */
const STAGES: readonly (readonly Stage[])[] = [
  [
    {
      name: 'unit',
      globs: ['packages/**/*.test.ts', 'tools/*.test.ts', 'test/bench/**/*.test.ts'],
      first: [
        'packages/storage/storage-faults.test.ts',
        'packages/storage/storage-daemon.test.ts',
        'packages/images/micro/micro-image.test.ts',
        'packages/storage/volume-away.test.ts',
      ],
      concurrency: 4,
      timeoutMs: 600_000,
    },
  ],
  [
    {
      name: 'system',
      globs: ['test/system/*.test.ts', 'test/conformance/**/*.test.ts'],
      first: ['test/system/bad-input.test.ts'],
      concurrency: 4,
      timeoutMs: 600_000,
    },
  ],
  [
    {
      name: 'faults',
      globs: ['test/faults/*.test.ts'],
      except: [...FAULTS_OF_THE_HOST, ...IN_MEMORY],
      first: ['test/faults/power-cut.test.ts', 'test/faults/host.test.ts'],
      concurrency: 3,
      timeoutMs: 600_000,
    },
  ],
  [{ name: 'faults of the host', globs: FAULTS_OF_THE_HOST, concurrency: 1, timeoutMs: 600_000 }],
  [
    {
      name: 'vm',
      globs: ['test/vm/*.test.ts'],
      except: GUESTS_ALONE,
      first: [
        'test/vm/debian.test.ts',
        'test/vm/volume-faults.test.ts',
        'test/vm/sdk-cloud.test.ts',
      ],
      concurrency: 3,
      timeoutMs: 1_200_000,
    },
  ],
  [
    { name: 'vm alone', globs: GUESTS_ALONE, concurrency: 1, timeoutMs: 1_200_000 },
    { name: 'faults in memory', globs: IN_MEMORY, concurrency: 1, timeoutMs: 1_200_000 },
  ],
];

/** Files of a stage whose times are told: what to shorten when the whole takes too long. */
const LONGEST_SHOWN = 5;
const ERROR_LINES_SHOWN = 30;

/**
 * With more files than this the run is not unsteady but wrong. A whole run starts some hundreds of guests, daemons and
 * controllers on processors that are all busy; a file that fails is run once more, alone, and said either way
 * (docs/decisions/0024-unsteady-tests.md).
 */
const RUN_AGAIN_AT_MOST = 2;

interface Failure {
  file: string;
  name: string;
  error: string;
}

interface Totals {
  passed: number;
  failed: Failure[];
  skipped: string[];
  /** Failed beside others and passed alone. */
  unsteady: Failure[];
}

const words = process.argv.slice(2);
const totals: Totals = { passed: 0, failed: [], skipped: [], unsteady: [] };
if (words.length === 0) runChecks();
for (const stages of STAGES) await runTogether(stages);
if (words.length === 0) await runFailedAgain();
report();

function runChecks(): void {
  for (const [name, args] of [
    ['biome', ['check', '.']],
    ['tsc', ['-p', '.']],
  ] as const) {
    const { status } = spawnSync(join(projectDir, 'node_modules/.bin', name), args, {
      cwd: projectDir,
      stdio: 'inherit',
    });
    if (status === 0) totals.passed += 1;
    else totals.failed.push({ file: '', name: `${name} ${args.join(' ')}`, error: '' });
  }
}

/** What the first prints is seen at once, what the others print after it. */
async function runTogether(stages: readonly Stage[]): Promise<void> {
  const started = stages.map((stage) => {
    const output = new PassThrough({ highWaterMark: Number.MAX_SAFE_INTEGER });
    return { output, done: runStage(stage, output).finally(() => output.end()) };
  });
  for (const { output, done } of started) {
    for await (const text of output) process.stdout.write(text);
    await done;
  }
}

async function runStage(stage: Stage, output: PassThrough): Promise<void> {
  const files = filesOf(stage);
  if (files.length === 0) return;
  output.write(`\n── ${stage.name}: ${files.length} files ──\n`);
  const startedMs = performance.now();
  const idleMs = readIdleMs();
  const stream = run({
    files: files.map((file) => join(projectDir, file)),
    cwd: projectDir,
    concurrency: stage.concurrency,
    timeout: stage.timeoutMs,
    // A leaked handle must not keep the run alive for ever; leaks have tests of their own.
    forceExit: false,
  });
  stream.on('test:pass', (event) => {
    if (event.details.type === 'suite' || isFile(event.name)) return;
    if (event.skip !== undefined && event.skip !== false)
      totals.skipped.push(`${event.name}: ${event.skip}`);
    else totals.passed += 1;
  });
  stream.on('test:fail', (event) => {
    if (event.details.type === 'suite') return;
    const file = relative(projectDir, event.file ?? '');
    totals.failed.push({ file, name: event.name, error: inspect(event.details.error) });
  });
  const tookMs = new Map<string, number>();
  for (const end of ['test:pass', 'test:fail'] as const) {
    stream.on(end, ({ file = '', nesting, details }) => {
      if (nesting > 0) return;
      const name = basename(file);
      tookMs.set(name, (tookMs.get(name) ?? 0) + details.duration_ms);
    });
  }
  const shown = stream.compose(new spec());
  shown.pipe(output, { end: false });
  await new Promise((resolve) => shown.once('end', resolve));
  const longest = [...tookMs].toSorted(([, a], [, b]) => b - a).slice(0, LONGEST_SHOWN);
  const times = longest.map(([name, ms]) => `${name} ${seconds(ms)}`).join(', ');
  const ms = performance.now() - startedMs;
  const busy = Math.round(100 * (1 - (readIdleMs() - idleMs) / (ms * cpus().length)));
  output.write(`── ${stage.name}: ${seconds(ms)}, processors ${busy} % busy (${times}) ──\n`);
}

/** Only tests that failed are looked at: what passed the first time is counted already. */
async function runFailedAgain(): Promise<void> {
  const { failed } = totals;
  const files = [...new Set(failed.map(({ file }) => file))];
  if (files.length === 0 || files.length > RUN_AGAIN_AT_MOST || files.includes('')) return;
  const stage: Stage = { name: 'again, alone', globs: files, concurrency: 1, timeoutMs: 1_200_000 };
  const passedBefore = totals.passed;
  totals.failed = [];
  await runTogether([stage]);
  const key = ({ file, name }: Failure) => `${file} ${name}`;
  const failedAgain = new Set(totals.failed.map(key));
  totals.unsteady = failed.filter((each) => !failedAgain.has(key(each)));
  totals.passed = passedBefore + totals.unsteady.filter(({ name }) => !isFile(name)).length;
}

/** In their order, and of those only the ones that were asked for. */
function filesOf({ globs, except = [], first = [] }: Stage): string[] {
  const found = globSync(globs, {
    cwd: projectDir,
    exclude: (name) => name.includes('node_modules'),
  }).sort();
  const rest = found.filter((file) => !first.includes(file) && !except.includes(file));
  return [...first, ...rest].filter(
    (file) => words.length === 0 || words.some((word) => file.includes(word)),
  );
}

/** Of all processors. */
function readIdleMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(0)} s`;
}

/** Each file also counts as a test of its own name; only what is inside it is counted. */
function isFile(name: string): boolean {
  return name.endsWith('.test.ts');
}

function report(): void {
  const { passed, failed, skipped, unsteady } = totals;
  const lines = [
    ...skipped.map((line) => `skipped: ${line}`),
    ...unsteady.map((each) => describeFailure('unsteady (failed, then passed alone)', each)),
    ...failed.map((each) => describeFailure('failed', each)),
    `${passed} passed, ${failed.length} failed, ${skipped.length} skipped` +
      (unsteady.length === 0 ? '' : `, ${unsteady.length} of those that passed were unsteady`),
  ];
  process.stdout.write(`\n${lines.join('\n')}\n`);
  process.exitCode = failed.length > 0 || passed === 0 ? 1 : 0;
}

/** With what it said: whoever reads only the end of a long run's output knows what to look for. */
function describeFailure(what: string, { file, name, error }: Failure): string {
  const said = error.split('\n').slice(0, ERROR_LINES_SHOWN);
  return [`${what}: ${file} ${name}`, ...said.map((line) => `    ${line}`)].join('\n');
}
