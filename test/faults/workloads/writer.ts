// Owns the process of workloads: `node writer.ts <workload>...` loads them, waits for its orders on the standard
// input, opens the stores, says what it found, and writes until it is killed. What it says goes to the standard output.

import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { seededRandom } from '@ironbark/platform/random.ts';
import { type CrashPoint, countCrashPoints } from '../../support/crash-points/points.ts';
import type { WriterLine } from './promises.ts';
import type { OpenWorkload, Workload } from './workload.ts';
import { WORKLOADS, type WorkloadName } from './workloads.ts';

export interface WriterOrders {
  /** Where each workload has its store. */
  folders: Record<string, string>;
  seed: number;
  session: number;
  task: WriterTask;
  /** Begins to write alone; the others follow once it has something acknowledged, or after a while. */
  first?: string;
  /** Kills itself there. */
  crash?: CrashPoint;
}

/**
 * `write`: until it is killed. `look`: says what it found, and waits for its end. `script`: a few operations of each
 * kind, one after the other, then it lets go. `halt`: says what it found, and takes down all that still runs.
 */
export type WriterTask = 'write' | 'look' | 'script' | 'halt';

const STANDARD_OUTPUT = 1;

/** At once, so that what was acknowledged is known even when the process dies in the next instant. */
function say(line: WriterLine): void {
  writeSync(STANDARD_OUTPUT, `${JSON.stringify(line)}\n`);
}

let operations = 0;
/** By the first store. */
const acknowledged = Promise.withResolvers<void>();
/** A store that needs longer for one operation shares the process from then on. */
const HEAD_START_MS = 1_500;

async function openStore(
  store: string,
  open: Workload,
  { folders, seed, session, first }: WriterOrders,
): Promise<OpenWorkload> {
  const opened = await open({
    folder: folders[store]!,
    session,
    random: seededRandom(seed),
    promise: async (values, work) => {
      const operation = operations++;
      say({ say: 'begin', store, operation, values });
      await work();
      say({ say: 'done', store, operation });
      if (store === first) acknowledged.resolve();
    },
  });
  const faults = (await opened.findFaults?.()) ?? [];
  say({ say: 'found', store, values: await opened.read(), faults });
  return opened;
}

async function writeAll(
  stores: readonly OpenWorkload[],
  first: string | undefined,
): Promise<never> {
  const ahead = stores[names.indexOf(first as WorkloadName)];
  const writing = ahead?.write();
  const headStart = setTimeout(HEAD_START_MS);
  if (writing !== undefined) await Promise.race([writing, acknowledged.promise, headStart]);
  const others = stores.filter((store) => store !== ahead);
  return await Promise.race([
    ...(writing ? [writing] : []),
    ...others.map((store) => store.write()),
  ]);
}

const names = process.argv.slice(2) as WorkloadName[];
const workloads = await Promise.all(names.map((name) => WORKLOADS[name].load()));
// Whoever is killed keeps nothing: the next process would compile all of it again.
flushCompileCache();
const orders = JSON.parse(await text(process.stdin)) as WriterOrders;
// Far more than there are: they are counted all the same.
const neverReached = { at: Number.MAX_SAFE_INTEGER, side: 'before' } as const;
const points = await countCrashPoints(orders.crash ?? neverReached);
const stores = await Promise.all(names.map((name, at) => openStore(name, workloads[at]!, orders)));
if (orders.task === 'write') await writeAll(stores, orders.first);
if (orders.task === 'look') await new Promise(() => setInterval(() => {}, 1 << 30));
if (orders.task === 'script') await Promise.all(stores.map((store) => store.script()));
if (orders.task === 'halt') await Promise.all(stores.map((store) => store.halt?.()));
say({ say: 'ended', points: points.counted() });
process.exit();
