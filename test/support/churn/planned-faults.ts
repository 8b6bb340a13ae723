// Owns what goes wrong in a control plane's process, by a seed: steps of reconcilers fail before or after they were
// taken, the process dies there, storage daemons are killed, and the object store refuses.

import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';

/** Shares of all steps, or of all calls of the object store. */
export interface FaultShares {
  failure: number;
  crash: number;
  daemonKill: number;
  objects: number;
}

export const NO_FAULTS: FaultShares = { failure: 0, crash: 0, daemonKill: 0, objects: 0 };

export class PlannedFaults {
  readonly #random: RandomSource;
  readonly #processesDir: string;
  shares: FaultShares;
  failures = 0;

  /** `storageDir`: whose daemons are killed. */
  constructor(random: RandomSource, storageDir: string, shares: FaultShares) {
    this.#random = random;
    this.#processesDir = join(storageDir, 'run/processes');
    this.shares = shares;
  }

  aroundStep(service: string): AroundStep {
    return async (name, take) => {
      const step = `${service}/${name}`;
      const moment = this.#random.fraction() < 0.5 ? 'before' : 'after';
      const dice = this.#random.fraction();
      const { failure, crash, daemonKill } = this.shares;
      if (dice < daemonKill) this.#killDaemon();
      const isCrash = dice >= daemonKill && dice < daemonKill + crash;
      const fails = !isCrash && dice < daemonKill + crash + failure;
      if (moment === 'before') this.#strike(step, moment, { isCrash, fails });
      const result = await take();
      if (moment === 'after') this.#strike(step, moment, { isCrash, fails });
      return result;
    };
  }

  #strike(step: string, moment: string, what: { isCrash: boolean; fails: boolean }): void {
    if (what.isCrash) {
      say({ say: 'crash', step: `${moment} ${step}` });
      process.kill(process.pid, 'SIGKILL');
    }
    if (!what.fails) return;
    this.failures += 1;
    throw new Error(`planted: ${moment} ${step}`);
  }

  #killDaemon(): void {
    const names = readdirSync(this.#processesDir).filter((name) => name.endsWith('.pid'));
    const name = names[Math.floor(this.#random.fraction() * names.length)];
    if (name === undefined) return;
    const pid = Number(readFileSync(join(this.#processesDir, name), 'utf8').trim());
    if (!Number.isSafeInteger(pid) || pid <= 1) return;
    say({ say: 'daemon killed', volume: name });
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It had ended by itself.
    }
  }

  /** Refuses some calls, half of them after they took effect. */
  objects(client: ObjectsClient): ObjectsClient {
    const around = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
      return async (...args: Args): Promise<Result> => {
        const dice = this.#random.fraction();
        const { objects } = this.shares;
        if (dice < objects / 2) throw new Error('planted: the object store refuses');
        const result = await call(...args);
        if (dice < objects) throw new Error('planted: the object store does not answer');
        return result;
      };
    };
    return {
      ...client,
      ensureBucket: around((bucket) => client.ensureBucket(bucket)),
      putObject: around((input) => client.putObject(input)),
      deleteObject: around((input) => client.deleteObject(input)),
    };
  }
}

/** At once, so that it is known even when the process dies in the next instant. */
export function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
