// Owns the time that an enclosure adds to a start: the same short program, with one and without, in turn.

import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { type ConfinedProgram, startConfined } from '@ironbark/platform/confined-start.ts';
import { asUser, CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { ensureEnclosure } from '@ironbark/platform/enclosure.ts';
import type { Figure } from '../../support/figures.ts';

const ROUNDS = 15;
const MOST_ADDED_MS = 30;
const UID = 1_899_999_991;

export async function startOverheadFigure(): Promise<Figure> {
  const top = await mkdtemp(join(tmpdir(), 'ironbark-start-'));
  try {
    const directory = join(top, 'enclosure');
    const searchPath = CLEAN_ENVIRONMENT['PATH']!;
    const enclosure = await ensureEnclosure({
      directory,
      programs: ['echo'],
      searchPath,
      devices: [],
    });
    const plain: number[] = [];
    const enclosed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      plain.push(await timeStart(programIn(top, undefined)));
      enclosed.push(await timeStart(programIn(top, enclosure)));
    }
    // The best of each: on a host that is busy with other things the rest tells of those.
    const value = Math.round(Math.min(...enclosed) - Math.min(...plain));
    return {
      name: 'ms that an enclosure adds to a start',
      value,
      bar: MOST_ADDED_MS,
      ok: value <= MOST_ADDED_MS,
    };
  } finally {
    await rm(top, { recursive: true });
  }
}

function programIn(folder: string, enclosure: ConfinedProgram['enclosure']): ConfinedProgram {
  const limits = { openFiles: 64, processes: 64 };
  const place = { folder, workingDirectory: '', ownNetwork: true };
  return { file: 'echo', args: ['here'], confinement: asUser(UID), limits, enclosure, ...place };
}

/** From the call to the program's first word. */
async function timeStart(program: ConfinedProgram): Promise<number> {
  const path = join(program.folder, 'log');
  await using log = await open(path, 'w');
  const startedMs = systemClock.monotonicMs();
  await startConfined(systemCommands, program, { log: log.fd });
  const wait = { clock: systemClock, timeoutMs: 10_000, intervalMs: 1, what: 'the program speaks' };
  await waitFor(async () => (await readFile(path, 'utf8')) === 'here\n', wait);
  return systemClock.monotonicMs() - startedMs;
}
