// Owns how a long proof tells what it does: each step with the time that it took.

import { loadavg } from 'node:os';

export interface Steps {
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Of all steps so far. */
  seconds(): number;
}

const MS = 1_000;

export function createSteps(): Steps {
  const startedMs = performance.now();
  const since = (from: number) => (performance.now() - from) / MS;
  return {
    seconds: () => since(startedMs),
    step: async (what, work) => {
      const from = performance.now();
      console.error(`… ${what}`);
      const result = await work();
      const load = loadavg()[0]!.toFixed(1);
      console.error(`${since(from).toFixed(1).padStart(7)} s  ${what} (load ${load})`);
      return result;
    },
  };
}
