// Owns work that is dealt to threads, so that every core is used: each thread loads a module and calls a function of it.

import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** More threads than this gain little and hold a lot of memory. */
const THREADS_AT_MOST = 8;

interface Assignment {
  module: string;
  functionName: string;
  tasks: unknown[];
}

/**
 * The results of `functionName` of `module` (a URL) for each task, in their order. Tasks and results are copied, so
 * they are plain data.
 */
export async function runInThreads<Task, Result>(
  module: URL,
  functionName: string,
  tasks: readonly Task[],
): Promise<Result[]> {
  const count = Math.min(availableParallelism(), THREADS_AT_MOST, tasks.length);
  const results: Result[] = [];
  const share = async (first: number) => {
    const mine = tasks.filter((_, index) => index % count === first);
    const answers = await runInThread({ module: module.href, functionName, tasks: mine });
    for (const [at, answer] of answers.entries()) results[first + at * count] = answer as Result;
  };
  await Promise.all(Array.from({ length: count }, (_, first) => share(first)));
  return results;
}

function runInThread(assignment: Assignment): Promise<unknown[]> {
  const worker = new Worker(new URL(import.meta.url), { workerData: assignment });
  const { promise, resolve, reject } = Promise.withResolvers<unknown[]>();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('a thread ended without an answer')));
  return promise;
}

async function work({ module, functionName, tasks }: Assignment): Promise<void> {
  const loaded = (await import(module)) as Record<string, (task: unknown) => Promise<unknown>>;
  const results: unknown[] = [];
  for (const task of tasks) results.push(await loaded[functionName]!(task));
  parentPort?.postMessage(results);
}

if (!isMainThread && workerData?.functionName !== undefined) await work(workerData as Assignment);
