// Owns the figures of the simulation: seeds that held, replays that were the same, and how fast virtual time goes.

import { systemClock } from '@ironbark/platform/clock.ts';
import type { Figure } from '../figures.ts';
import { runInThreads } from '../threads.ts';
import type { RunOptions, RunResult } from './run-seed.ts';

export interface SimulationRequest {
  /** Seeds to run. */
  count: number;
  /** The first one. */
  seed: number;
}

export interface SimulationReport {
  figures: Figure[];
  /** What must not be, each with its seed. */
  violations: string[];
  results: RunResult[];
}

const RUN_SEED = new URL('./run-seed.ts', import.meta.url);
/** One run in this many is P6: messages are lost for ten minutes, and nothing else. */
const LOSS_EVERY = 20;
/** One run in this many is made twice. */
const REPLAY_EVERY = 20;
/** reliability: virtual time has to go this much faster than real time. */
const LEAST_SPEED = 100;

export async function measureSimulation(request: SimulationRequest): Promise<SimulationReport> {
  const seeds = Array.from({ length: request.count }, (_, at) => request.seed + at);
  const runs: RunOptions[] = seeds.map((seed, at) =>
    at % LOSS_EVERY === LOSS_EVERY - 1 ? { seed, losesMessagesOnly: true } : { seed },
  );
  const replays = runs.filter((_, at) => at % REPLAY_EVERY === 0);
  const startedMs = systemClock.monotonicMs();
  const results = await runInThreads<RunOptions, RunResult>(RUN_SEED, 'runSeed', [
    ...runs,
    ...replays,
  ]);
  const realMs = systemClock.monotonicMs() - startedMs;
  const again = results.slice(runs.length);
  const first = results.slice(0, runs.length);
  return { ...report(first, compareReplays(first, again), realMs), results: first };
}

function compareReplays(first: readonly RunResult[], again: readonly RunResult[]): string[] {
  const hashes = new Map(first.map(({ seed, hash }) => [seed, hash]));
  return again
    .filter(({ seed, hash }) => hashes.get(seed) !== hash)
    .map(({ seed }) => `seed ${seed} went another way the second time`);
}

function report(results: readonly RunResult[], unlike: readonly string[], realMs: number) {
  const all = results.flatMap(({ seed, violations }) =>
    violations.map((violation) => `seed ${seed}, ${violation}`),
  );
  const bad = results.filter(({ violations }) => violations.length > 0);
  const virtualMs = sum(results, ({ virtualMs }) => virtualMs);
  const speed = Math.round(virtualMs / sum(results, (result) => result.realMs));
  const doubles = all.filter((text) => / on two nodes| runs on | in two guests/.test(text));
  const orphans = all.filter((text) =>
    / (guest|folder|port|file|point in time|object) /.test(text),
  );
  const figures: Figure[] = [
    { name: 'seeds that did not hold', value: bad.length, bar: 0, ok: bad.length === 0 },
    { name: 'orphans', value: orphans.length, bar: 0, ok: orphans.length === 0 },
    { name: 'doubles', value: doubles.length, bar: 0, ok: doubles.length === 0 },
    { name: 'replays that differ', value: unlike.length, bar: 0, ok: unlike.length === 0 },
    { name: 'virtual over real time', value: speed, bar: LEAST_SPEED, ok: speed >= LEAST_SPEED },
    fact('seeds', results.length),
    fact('seeds a minute', Math.round((60_000 * results.length) / realMs)),
    fact(
      'acknowledged calls',
      sum(results, (result) => result.acknowledged),
    ),
    fact(
      'instances',
      sum(results, (result) => result.instances),
    ),
    fact(
      'processes killed',
      sum(results, (result) => result.crashes),
    ),
    fact(
      'messages lost',
      sum(results, (result) => result.lostMessages),
    ),
    fact(
      'launches and starts taken back',
      sum(results, (result) => result.excused),
    ),
    fact('longest time to settle (s)', Math.max(...results.map((r) => r.settledMs)) / 1000),
  ];
  return { figures, violations: [...all, ...unlike] };
}

/** Has no bar of its own. */
function fact(name: string, value: number): Figure {
  return { name, value, bar: value, ok: true };
}

function sum(results: readonly RunResult[], value: (result: RunResult) => number): number {
  return results.reduce((total, result) => total + value(result), 0);
}
