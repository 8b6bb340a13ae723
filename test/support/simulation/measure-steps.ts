// Owns the figures of the steps: every step of every reconciler failed, crashed and run twice, and what was left then.

import type { Figure } from '../figures.ts';
import { runInThreads } from '../threads.ts';
import { planCases, type StepCase, type StepResult } from './step-cases.ts';
import { STEP_FAULTS } from './step-faults.ts';
import { STEP_KINDS } from './step-kinds.ts';

const CASES = new URL('./step-cases.ts', import.meta.url);

export interface StepsReport {
  figures: Figure[];
  problems: string[];
}

/** `wantsAll`: every step at its first time and at its last; otherwise at its first. */
export async function measureSteps(wantsAll: boolean): Promise<StepsReport> {
  const cases = await planCases(wantsAll);
  const results = await runInThreads<StepCase, StepResult>(CASES, 'runCase', cases);
  const bad = results.filter(({ problem }) => problem !== undefined);
  const steps = new Set(cases.map(({ step }) => step));
  const elsewhere = Object.values(STEP_KINDS).filter((covered) => covered !== true);
  const of = (name: string, value: number, bar = value): Figure => ({
    name,
    value,
    bar,
    ok: value === bar,
  });
  return {
    figures: [
      of('kinds of steps', steps.size),
      of('kinds tested elsewhere', elsewhere.length),
      of('faults for each', STEP_FAULTS.length),
      of('cases', cases.length),
      of('cases that left something over', bad.length, 0),
    ],
    problems: bad.map(
      ({ step, fault, scenario, occurrence, problem }) =>
        `${step} ${fault} (time ${occurrence} in ${scenario}): ${problem}`,
    ),
  };
}
