// Owns the workload of the record of API calls: lines of a chain from several callers at a time, in files that are
// short enough to be followed by others all the time. The chain itself shows what is missing or out of order.

import { join } from 'node:path';
import { systemClock } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { RecordChain } from '@ironbark/platform/record-chain.ts';
import { readChain } from '@ironbark/platform/record-reader.ts';
import type { Value } from './promises.ts';
import type { OpenWorkload, WorkloadInput } from './workload.ts';

const NAME = 'calls';
const CALLERS = 3;
const SCRIPT_LENGTH = 12;
const SEGMENT_BYTES = 4_096;
/** None is dropped: every line that was acknowledged is asked for. */
const SEGMENTS = 100_000;
const MAX_PADDING = 2_000;
const KEY = 'call';

export async function openEvents(input: WorkloadInput): Promise<OpenWorkload> {
  const directory = join(input.folder, 'events');
  const limits = { maxSegmentBytes: SEGMENT_BYTES, maxSegments: SEGMENTS };
  const parts = { clock: systemClock, logger: silentLogger };
  const chain = await RecordChain.open({ directory, name: NAME, ...limits, ...parts });
  return {
    read: async () => (await readAll(directory)).values,
    findFaults: async () => (await readAll(directory)).faults,
    write: async () => {
      const callers = Array.from({ length: CALLERS }, (_, caller) => call(chain, input, caller));
      return await Promise.race(callers);
    },
    script: async () => {
      for (let n = 0; n < SCRIPT_LENGTH; n++) await record(chain, input, 0, n);
    },
  };
}

async function call(chain: RecordChain, input: WorkloadInput, caller: number): Promise<never> {
  for (let n = 0; ; n++) await record(chain, input, caller, n);
}

async function record(
  chain: RecordChain,
  { random, session, promise }: WorkloadInput,
  caller: number,
  n: number,
): Promise<void> {
  const name = `${session}.${caller}.${n}`;
  const padding = 'x'.repeat(random.fraction() ** 4 * MAX_PADDING);
  await promise({ [name]: 'recorded' }, () => chain.appendDurably({ [KEY]: name, padding }));
}

async function readAll(
  directory: string,
): Promise<{ values: Record<string, Value>; faults: string[] }> {
  const names: string[] = [];
  const { faults } = await readChain(directory, NAME, (each) => names.push(String(each[KEY])));
  return { values: Object.fromEntries(names.map((name) => [name, 'recorded'])), faults };
}
