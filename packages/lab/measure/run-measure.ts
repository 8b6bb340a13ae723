// Owns a measurement on demand, in a session at the place: each job of the plan, in rounds, with what the host saw. Whatever
// ends it, what was measured until then stays.

import { sentenceOf } from '../run/reasons.ts';
import {
  forgetCommand,
  hasForgotten,
  type JobOutcome,
  jobsOf,
  type MeasureJob,
  setUpCommand,
} from './measure-jobs.ts';
import type { MeasurePlan } from './measure-plan.ts';
import { type MeasureRow, type MeasureSample, type MeasureSeen, rowOf } from './measure-result.ts';
import { type MeasureSession, printable, type Ran, SessionError } from './measure-session.ts';

export interface MeasureRun {
  session: Pick<MeasureSession, 'run'>;
  plan: MeasurePlan;
  repeat: number;
  signal: AbortSignal;
  onProgress(text: string): void;
  /** Runs the work, and looks at what the host sees meanwhile. */
  watch(job: MeasureJob, work: () => Promise<Ran>): Promise<Watched>;
}

export interface Watched {
  ran: Ran;
  /** Once it is known what came of the work: what is made of the interval depends on it. */
  describe(outcome: JobOutcome): MeasureSeen;
}

export interface MeasureOutcome {
  rows: MeasureRow[];
  /** Why it did not go on. */
  failure?: string;
}

const SET_UP_TIMEOUT_MS = 60_000;
const FORGET_TIMEOUT_MS = 300_000;
const LEFT_OUT = 'It was ended before this.';

export async function runMeasure(run: MeasureRun): Promise<MeasureOutcome> {
  const { session, plan, repeat, signal, onProgress } = run;
  const jobs = jobsOf(plan);
  const samples = new Map<MeasureJob, MeasureSample[]>(jobs.map((job) => [job, []]));
  const reasons = new Map<MeasureJob, string>();
  let failure: string | undefined;
  try {
    succeeded(await session.run(setUpCommand(plan), SET_UP_TIMEOUT_MS));
    for (let round = 1; round <= repeat; round += 1) {
      for (const job of jobs) {
        const of = repeat === 1 ? '' : `, round ${round} of ${repeat}`;
        onProgress(`${job.name} ${job.direction}${of}`);
        const taken = await takeOrGiveReason(run, job);
        if (typeof taken === 'string') reasons.set(job, taken);
        else samples.get(job)!.push(taken);
      }
    }
  } catch (error) {
    if (!signal.aborted) failure = printable(sentenceOf(error));
  }
  const rows = jobs.map((job) => {
    const taken = samples.get(job)!;
    const reason = reasons.get(job) ?? (taken.length < repeat ? LEFT_OUT : undefined);
    return rowOf(job, taken, reason);
  });
  return { rows, ...(failure === undefined ? {} : { failure }) };
}

/** A job that fails is its own story alone; a place that is gone is the end of all. */
async function takeOrGiveReason(run: MeasureRun, job: MeasureJob): Promise<MeasureSample | string> {
  try {
    return await take(run, job);
  } catch (error) {
    run.signal.throwIfAborted();
    if (error instanceof SessionError) throw error;
    return printable(sentenceOf(error));
  }
}

async function take({ session, plan, watch }: MeasureRun, job: MeasureJob): Promise<MeasureSample> {
  succeeded(await session.run(job.prepare, job.timeoutMs));
  const forgotten = hasForgotten((await session.run(forgetCommand(plan), FORGET_TIMEOUT_MS)).text);
  const { ran, describe } = await watch(job, () => session.run(job.command, job.timeoutMs));
  const { text } = succeeded(ran);
  const outcome = job.parse(text, ran.tookMs);
  requireNumbers(outcome);
  const isCached = job.direction === 'read' && !forgotten;
  return {
    ...outcome,
    seen: describe(outcome),
    ...(isCached ? { isCached: true as const } : {}),
  };
}

/** What a stranger's JSON has in place of numbers is not handed on. */
function requireNumbers({ mbps, bytes, iops = 0, latencyMs }: JobOutcome): void {
  const all = [mbps, bytes, iops, latencyMs?.mean ?? 0, latencyMs?.p99 ?? 0];
  if (all.every(Number.isFinite) && mbps > 0) return;
  throw new Error('what it says of its rate is no number');
}

const KILLED = 137;

function succeeded(ran: Ran): Ran {
  if (ran.exitCode === 0) return ran;
  const text = printable(ran.text);
  if (/no space left|disk quota exceeded/i.test(text)) throw new Error('the disk is full');
  const last = text.trim().split('\n').at(-1) ?? '';
  const how = ran.exitCode === KILLED ? 'it was killed' : `it ended with ${ran.exitCode}`;
  throw new Error(last === '' ? how : last);
}
