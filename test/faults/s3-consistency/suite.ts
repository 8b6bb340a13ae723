// Owns the suite of S3's consistency under kills, as the runner starts it.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultSuite } from '../../support/fault-suite.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { isLinearizable } from './linearizability.ts';
import { runClients } from './run-clients.ts';

const OPERATIONS = 100_000;
const KILL_EVERY_MS = 5_000;
const MINUTE_MS = 60_000;
/** Of gateways, whose bytes are an engine's that nobody kills: in memory, where no call waits for a sync. */
const MEMORY = '/dev/shm';

export const s3ConsistencySuite: FaultSuite = async ({
  seed,
  count = OPERATIONS,
  gateways,
  minutes,
  explain,
}) => {
  const parent = gateways === undefined ? '/var/tmp' : MEMORY;
  const folder = await mkdtemp(join(parent, 'ironbark-consistency-'));
  try {
    const result = await runClients({
      folder,
      operations: count,
      seed,
      killEveryMs: KILL_EVERY_MS,
      ...(gateways === undefined ? {} : { gateways }),
      ...(minutes === undefined ? {} : { mostMs: minutes * MINUTE_MS }),
    });
    const { histories, strange, kills, putOff } = result;
    const wrong = [...histories].filter(([, history]) => !isLinearizable(history));
    for (const line of strange.slice(0, 10)) explain(`strange: ${line}`);
    for (const [key] of wrong) explain(`what was seen of ${key} cannot have been`);
    return [
      { name: 'operations', value: result.operations, bar: 1, ok: result.operations > 0 },
      { name: 'kills', value: kills, bar: 1, ok: kills > 0 },
      zeroFigure('keys whose history is not linearizable', wrong.length),
      zeroFigure('answers that nobody can explain', strange.length),
      ...(gateways === undefined ? [] : [putOffFigure(putOff, result.operations)]),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Of those, since the others are asked again by any client. */
const MAX_PUT_OFF = 0.01;

function putOffFigure(putOff: number, operations: number): Figure {
  const value = putOff / operations;
  return { name: 'part of calls put off', value, bar: MAX_PUT_OFF, ok: value <= MAX_PUT_OFF };
}
