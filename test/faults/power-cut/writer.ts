// Owns the process of a workload: `node writer.ts <workload>` loads it, waits for its orders on the standard input,
// opens the store, says what it found, and writes until it is killed. What it says goes to the standard output.

import { writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { seededRandom } from '@ironbark/platform/random.ts';
import type { Value, WriterLine } from './promises.ts';
import { WORKLOADS, type WorkloadName } from './workloads.ts';

export interface WriterOrders {
  folder: string;
  seed: number;
  session: number;
  /** Says what it found, and waits for its end. */
  looksOnly: boolean;
}

const STANDARD_OUTPUT = 1;

/** At once, so that what was acknowledged is known even when the process dies in the next instant. */
function say(line: WriterLine): void {
  writeSync(STANDARD_OUTPUT, `${JSON.stringify(line)}\n`);
}

let operations = 0;

async function promise(
  values: Record<string, Value>,
  work: () => Promise<unknown> | unknown,
): Promise<void> {
  const operation = operations++;
  say({ say: 'begin', operation, values });
  await work();
  say({ say: 'done', operation });
}

const open = await WORKLOADS[process.argv[2] as WorkloadName].load();
const { folder, seed, session, looksOnly } = JSON.parse(await text(process.stdin)) as WriterOrders;
const store = await open({ folder, session, promise, random: seededRandom(seed) });
const faults = (await store.findFaults?.()) ?? [];
say({ say: 'found', values: await store.read(), faults });
if (looksOnly) setInterval(() => {}, 1 << 30);
else await store.write();
