// Owns the object store as one process sees it: objects in memory that outlive every process, and calls that may fail.

import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { never, type Simulation } from './simulation.ts';

/** `failureRate` of the calls throw, half of them after they took effect. */
export function objectsFor(
  process: SimulatedProcess,
  objects: ObjectsClient,
  simulation: Simulation,
  failureRate: () => number,
): ObjectsClient {
  const maybeFail = (method: string) => {
    if (simulation.happens(failureRate() / 2)) throw new Error(`planted: objects ${method}`);
  };
  return new Proxy(objects, {
    get: (target, name) => {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (!process.isAlive) return never();
        maybeFail(String(name));
        const result = await value.apply(target, args);
        maybeFail(String(name));
        return process.isAlive ? result : never();
      };
    },
  });
}
