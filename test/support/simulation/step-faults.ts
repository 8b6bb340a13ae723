// Owns what a test does to the steps of reconcilers: each is counted, and may fail, end its process, or run twice.

import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { never } from './simulation.ts';

export const STEP_FAULTS = [
  'fails before',
  'fails after',
  'crashes before',
  'crashes after',
  'runs twice',
] as const;
export type StepFault = (typeof STEP_FAULTS)[number];

export class StepFaults {
  /** How often each step was taken: `cloud/volume/send`. */
  readonly taken = new Map<string, number>();
  /** Asked before each step. */
  choose: (step: string, process: SimulatedProcess) => StepFault | undefined = () => undefined;
  readonly #crash: (process: SimulatedProcess) => void;

  constructor(crash: (process: SimulatedProcess) => void) {
    this.#crash = crash;
  }

  /** `service` is part of the steps' names: several have a reconciler called `volume`. */
  aroundStep(service: string, process: SimulatedProcess): AroundStep {
    return async (name, take) => {
      if (!process.isAlive) return never();
      const step = `${service}/${name}`;
      this.taken.set(step, (this.taken.get(step) ?? 0) + 1);
      const fault = this.choose(step, process);
      if (fault === 'fails before') throw new Error(`planted: ${step} ${fault}`);
      if (fault === 'crashes before') return this.#end(process);
      const result = await take();
      const last = fault === 'runs twice' ? await take() : result;
      if (fault === 'fails after') throw new Error(`planted: ${step} ${fault}`);
      return fault === 'crashes after' ? this.#end(process) : last;
    };
  }

  #end(process: SimulatedProcess): Promise<never> {
    this.#crash(process);
    return never();
  }
}
