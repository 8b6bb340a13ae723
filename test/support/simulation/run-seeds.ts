// Owns many runs at once: the seeds are dealt to threads, so that every core is used.

import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type RunOptions, type RunResult, runSeed } from './run-seed.ts';

/** More threads than this gain little and hold a lot of memory. */
const THREADS_AT_MOST = 8;

/** In order of the runs. */
export async function runSeeds(runs: readonly RunOptions[]): Promise<RunResult[]> {
  const count = Math.min(availableParallelism(), THREADS_AT_MOST, runs.length);
  const shares = Array.from({ length: count }, (_, at) =>
    runs.map((run, index) => ({ run, index })).filter(({ index }) => index % count === at),
  );
  const results: RunResult[] = [];
  await Promise.all(
    shares.map(async (share) => {
      const answers = await runInThread(share.map(({ run }) => run));
      for (const [at, answer] of answers.entries()) results[share[at]!.index] = answer;
    }),
  );
  return results;
}

function runInThread(runs: readonly RunOptions[]): Promise<RunResult[]> {
  const worker = new Worker(new URL(import.meta.url), { workerData: runs });
  const { promise, resolve, reject } = Promise.withResolvers<RunResult[]>();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the thread ended without an answer')));
  return promise;
}

async function answerParent(): Promise<void> {
  const results: RunResult[] = [];
  for (const run of workerData as RunOptions[]) results.push(await runSeed(run));
  parentPort?.postMessage(results);
}

if (!isMainThread && Array.isArray(workerData)) await answerParent();
