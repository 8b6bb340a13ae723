// Owns the cases of every step of every reconciler: it fails, ends its process, or runs twice, and in the end the
// scenario that it is part of has come to its end all the same, with nothing left over.

import { Life } from './life.ts';
import { SCENARIOS } from './scenarios.ts';
import { STEP_FAULTS, type StepFault } from './step-faults.ts';
import { STEP_KINDS } from './step-kinds.ts';
import { World } from './world.ts';

export interface StepCase {
  scenario: string;
  step: string;
  fault: StepFault;
  /** Which time that the step is taken. */
  occurrence: number;
}

export interface StepResult extends StepCase {
  /** What went wrong; absent when all went well. */
  problem?: string;
}

const SEED = 1;
const AWAY_MS = 100;

/** Runs a scenario undisturbed; answers how often each step was taken. */
export async function recordSteps(scenario: string): Promise<ReadonlyMap<string, number>> {
  using world = new World({ seed: SEED, nodes: 1 });
  const life = new Life(world);
  await life.begin();
  const before = new Map(world.steps.taken);
  await SCENARIOS[scenario]!(life);
  throwOnViolation(world);
  const taken = [...world.steps.taken].map(([step, count]) => {
    const inScenario = count - (before.get(step) ?? 0);
    return [step, inScenario] as const;
  });
  return new Map(taken.filter(([, count]) => count > 0));
}

/**
 * Each step with each fault: the first time in the first scenario that has it, and when all are wanted also the last
 * time in the last one.
 */
export async function planCases(wantsAll: boolean): Promise<StepCase[]> {
  const first = new Map<string, { scenario: string; occurrence: number }>();
  const last = new Map<string, { scenario: string; occurrence: number }>();
  for (const scenario of Object.keys(SCENARIOS)) {
    for (const [step, count] of await recordSteps(scenario)) {
      if (!first.has(step)) first.set(step, { scenario, occurrence: 1 });
      last.set(step, { scenario, occurrence: count });
    }
  }
  const uncovered = listUncovered(new Set(first.keys()));
  if (uncovered.length > 0) throw new Error(`no scenario takes ${uncovered.join(', ')}`);
  return [...first].flatMap(([step, place]) =>
    STEP_FAULTS.flatMap((fault) => {
      const end = last.get(step)!;
      const isSame = end.scenario === place.scenario && end.occurrence === place.occurrence;
      const places = isSame || !wantsAll ? [place] : [place, end];
      return places.map((each) => ({ ...each, step, fault }));
    }),
  );
}

/** Steps that are known and were not met, or met and are not known. */
function listUncovered(taken: ReadonlySet<string>): string[] {
  const known = Object.entries(STEP_KINDS);
  const missing = known.filter(([step, covered]) => covered === true && !taken.has(step));
  const unknown = [...taken].filter((step) => STEP_KINDS[step] !== true);
  return [...missing.map(([step]) => step), ...unknown];
}

export async function runCase(chosen: StepCase): Promise<StepResult> {
  using world = new World({ seed: SEED, nodes: 1 });
  world.restartAfterMs = () => AWAY_MS;
  const life = new Life(world);
  let isMet = false;
  try {
    await life.begin();
    let left = chosen.occurrence;
    world.steps.choose = (step) => {
      if (step !== chosen.step || isMet) return undefined;
      left -= 1;
      if (left > 0) return undefined;
      isMet = true;
      return chosen.fault;
    };
    await SCENARIOS[chosen.scenario]!(life);
    throwOnViolation(world);
    return isMet ? chosen : { ...chosen, problem: 'the step was not taken' };
  } catch (error) {
    return { ...chosen, problem: error instanceof Error ? error.message : String(error) };
  }
}

function throwOnViolation({ simulation }: World): void {
  const [first] = simulation.violations;
  if (first !== undefined) throw new Error(first);
}
