// Owns `ironbark lab measure`: a workload in a running instance or on this host, now, and what the host saw of it.

import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { whyNoWorkload } from '@ironbark/lab/measure/measure-jobs.ts';
import type { MeasurePlan, MeasureWorkload } from '@ironbark/lab/measure/measure-plan.ts';
import type { MeasureSession } from '@ironbark/lab/measure/measure-session.ts';
import {
  contentCommand,
  factsCommand,
  type PlaceFacts,
  parseFacts,
  whyNoRoom,
  whyNotOver,
} from '@ironbark/lab/measure/place-facts.ts';
import { type MeasureOutcome, runMeasure } from '@ironbark/lab/measure/run-measure.ts';
import { requireWritable } from '@ironbark/lab/targets/own-disk.ts';
import type { CliContext } from '../context.ts';
import { INTERRUPTED } from '../interrupts.ts';
import { watchHost, watchInstance } from '../measure-observer.ts';
import {
  findPlace,
  type MeasurePlace,
  type OpenSession,
  openMeasureSession,
} from '../measure-places.ts';
import { type Measured, renderMeasured } from '../measure-report.ts';
import { Problem } from '../problem.ts';

export interface LabMeasureFlags {
  workload: MeasureWorkload;
  path?: string;
  size: number;
  seconds: number;
  /** Absent: both; of a volume that nobody has, read. */
  direction?: 'write' | 'read' | 'both';
  repeat: number;
  hadoopJars?: string;
  destroy?: boolean;
}

const HOST_PATH = '/var/tmp';
const FACTS_TIMEOUT_MS = 60_000;
/** It reads what would be written over. */
const CONTENT_TIMEOUT_MS = 600_000;

export async function measureOnDemand(
  context: CliContext,
  target: string,
  flags: LabMeasureFlags,
): Promise<number> {
  const { terminal } = context;
  requireFlags(flags);
  const place = await findPlace(context, target);
  const { hadoopJars } = flags;
  const path = place.kind === 'host' ? resolve(flags.path ?? HOST_PATH) : thereOf(flags.path);
  const jars =
    place.kind === 'host' && hadoopJars !== undefined ? resolve(hadoopJars) : thereOf(hadoopJars);
  const signal = context.takeInterrupts();
  const open = await terminal.step(`Reaching ${nameOf(place)}`, () =>
    openMeasureSession(context, place, path, signal),
  );
  let outcome: MeasureOutcome;
  const load = loadavg()[0]!;
  try {
    outcome = await measureIn(context, { ...open, place, path, jars, flags, signal });
  } finally {
    await open.session[Symbol.asyncDispose]();
    if (!open.session.hasGone) context.terminal.warn(leftOver(place, open, path));
  }
  const measured: Measured = {
    ...{ format: 'ironbark-lab-measure/1', target: nameOf(place), ...(path && { path }) },
    ...{ workload: flags.workload, sizeBytes: flags.size, repeat: flags.repeat },
    ...{ load: [load, loadavg()[0]!], ...outcome, isInterrupted: signal.aborted },
  };
  terminal.result(measured, () => renderMeasured(measured));
  if (measured.failure !== undefined) terminal.warn(`It could not go on: ${measured.failure}`);
  if (signal.aborted) return INTERRUPTED;
  const hasAll = outcome.rows.every(({ reason }) => reason === undefined);
  return hasAll && measured.failure === undefined ? 0 : 1;
}

function requireFlags({ workload, size, hadoopJars }: LabMeasureFlags): void {
  if (workload !== 'testdfsio' && hadoopJars !== undefined) {
    throw new Problem('--hadoop-jars is for --workload testdfsio');
  }
  if (workload === 'testdfsio' && size % (2 * MIB) !== 0) {
    throw new Problem('TestDFSIO has two files of whole mebibytes: an even --size is needed');
  }
}

function nameOf(place: MeasurePlace): string {
  return place.kind === 'host' ? 'host' : place.id;
}

/** A path in an instance. */
function thereOf(path: string | undefined): string | undefined {
  if (path === undefined || isAbsolute(path)) return path;
  throw new Problem(`${path} is no absolute path`, ['in an instance nobody knows where you stand']);
}

interface Measuring extends OpenSession {
  place: MeasurePlace;
  path: string | undefined;
  /** Hadoop's. */
  jars: string | undefined;
  flags: LabMeasureFlags;
  signal: AbortSignal;
}

async function measureIn(
  context: CliContext,
  { session, place, path, jars, flags, signal }: Measuring,
): Promise<MeasureOutcome> {
  const { terminal } = context;
  const facts = parseFacts((await session.run(factsCommand(path), FACTS_TIMEOUT_MS)).text);
  const plan = await makePlan(context, flags, { facts, path, jars });
  const where = place.kind === 'host' ? 'this host' : place.id;
  const why =
    whyNoRoom(facts, path ?? 'the home of its user', flags.size) ??
    whyNoWorkload(plan, facts, where);
  if (why !== undefined) throw new Problem(why);
  if (plan.inPlace !== undefined && plan.directions.includes('write')) {
    await terminal.step(`Looking at what ${plan.inPlace} holds`, () =>
      requireOver(context, { session, place, plan, flags }),
    );
  }
  const watch =
    place.kind === 'host' ? await watchHost(context, path!) : await watchInstance(context, place);
  return await terminal.step('Measuring', (onProgress) =>
    runMeasure({ session, plan, repeat: flags.repeat, signal, onProgress, watch }),
  );
}

const PROGRAM = 'packages/images/lab/programs/record-streams';

async function makePlan(
  { projectDir }: CliContext,
  flags: LabMeasureFlags,
  { facts, path, jars }: Pick<Measuring, 'path' | 'jars'> & { facts: PlaceFacts },
): Promise<MeasurePlan> {
  const { workload, direction = 'both', size: sizeBytes, seconds } = flags;
  const isInPlace = facts.kind === 'device' || facts.kind === 'file';
  return {
    ...{ workload, sizeBytes, seconds },
    directions: direction === 'both' ? ['write', 'read'] : [direction],
    ...(isInPlace && path !== undefined ? { inPlace: path } : {}),
    ...(jars === undefined ? {} : { hadoopJars: jars }),
    ...(workload === 'hadoop'
      ? { program: await readFile(join(projectDir, PROGRAM), 'utf8') }
      : {}),
  };
}

interface Over {
  session: MeasureSession;
  place: MeasurePlace;
  plan: MeasurePlan;
  flags: LabMeasureFlags;
}

/** By what it holds, and not by what it is called. */
async function requireOver(
  { commands }: CliContext,
  { session, place, plan, flags }: Over,
): Promise<void> {
  const { inPlace, sizeBytes } = plan;
  const mayDestroy = flags.destroy === true;
  if (place.kind === 'host') {
    await requireWritable(commands, inPlace!, { sizeBytes, mayDestroy });
    return;
  }
  const { text } = await session.run(contentCommand(inPlace!, sizeBytes), CONTENT_TIMEOUT_MS);
  const why = whyNotOver(text, mayDestroy);
  if (why !== undefined) throw new Problem(`${inPlace} is not measured: ${why}`);
}

function leftOver(place: MeasurePlace, { name }: OpenSession, path: string | undefined): string {
  const folder = path === undefined ? `${name} in its user’s home` : join(path, name);
  return place.kind === 'host'
    ? `Nobody said that ${folder} is gone: look for it`
    : `${place.id} did not say that ${folder} is gone: it is removed there once the guest notices that we are`;
}
