// Owns what is measured on demand: which jobs a workload has, the line for a shell that does each, and how what it prints is
// read. All of it is worked on in the session's own folder, or on a device or file that somebody named. Pure.

import { MIB } from '@ironbark/core/units.ts';
import type { Direction } from '../paper/paper-rows.ts';
import { BLOCK_BYTES, parseRate, readArguments, writeArguments } from '../workloads/dd.ts';
import { type FioWorkload, fioArguments, parseFio } from '../workloads/fio.ts';
import { type DfsioFigures, dfsioCommand, parseDfsio } from '../workloads/test-dfsio.ts';
import { type Outcome, parseRecords } from '../workloads/workload.ts';
import type { MeasurePlan, MeasureWorkload } from './measure-plan.ts';
import type { PlaceFacts } from './place-facts.ts';
import { quoted } from './session-script.ts';

export interface MeasureJob {
  /** `dd`, `hadoop`, `testdfsio`, or the name of a job of fio. */
  name: string;
  direction: Direction;
  /** Lays out what is read, or takes away what was written; not measured. */
  prepare: string;
  command: string;
  /** `tookMs`: as long as whoever asked for it waited. */
  parse(text: string, tookMs: number): JobOutcome;
  timeoutMs: number;
}

export interface JobOutcome extends Outcome {
  dfsio?: DfsioFigures;
}

/** Of one transfer: the paper's slowest row moves a megabyte a second. */
const LEAST_BYTES_PER_SECOND = 0.5e6;
/** For a JVM on an emulated processor, and for what is not moved. */
const BASE_TIMEOUT_MS = 120_000;
const FIO_JOBS: readonly FioWorkload[] = [
  'fio-sequential-qd16',
  'fio-random-qd1',
  'fio-random-qd16',
];
const TASKS = 2;
/** In the folder of the session. */
const OWN = './stream';

/** BusyBox's shell takes its own dd for a name without a folder, whatever else there is. */
const FIND = `of() { for d in /usr/bin /bin /usr/local/bin; do [ -x $d/$1 ] && { echo $d/$1; return; }; done; echo $1; }
`;

/** Once, before any job. */
export function setUpCommand({ workload, program }: MeasurePlan): string {
  if (workload !== 'hadoop' || program === undefined) return 'true';
  const escaped = program.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `printf '%b' ${quoted(escaped)} > record-streams`;
}

/** Those that write come first, so that what is read is there. */
export function jobsOf(plan: MeasurePlan): MeasureJob[] {
  const ways = (['write', 'read'] as const).filter((way) => plan.directions.includes(way));
  return ways.flatMap((direction) => JOBS[plan.workload](plan, direction));
}

type Make = (plan: MeasurePlan, direction: Direction) => MeasureJob[];

const JOBS: Readonly<Record<MeasureWorkload, Make>> = {
  dd: (plan, direction) => [{ ...shared(plan, 'dd', direction), ...ddJob(plan, direction) }],
  hadoop: (plan, direction) => [
    { ...shared(plan, 'hadoop', direction), ...recordsJob(plan, direction) },
  ],
  fio: (plan, direction) =>
    FIO_JOBS.map((name) => ({
      ...shared(plan, name, direction),
      ...fioJob(plan, direction, name),
    })),
  testdfsio: (plan, direction) => [
    { ...shared(plan, 'testdfsio', direction), ...dfsioJob(plan, direction) },
  ],
};

type Work = Pick<MeasureJob, 'prepare' | 'command' | 'parse'>;

function shared(plan: MeasurePlan, name: string, direction: Direction) {
  const movedMs = (1_000 * plan.sizeBytes) / LEAST_BYTES_PER_SECOND;
  const timeoutMs = BASE_TIMEOUT_MS + movedMs + 1_000 * plan.seconds;
  return { name, direction, timeoutMs };
}

function pathOf({ inPlace }: MeasurePlan): string {
  return inPlace ?? OWN;
}

function ddLine(args: readonly string[]): string {
  return `${FIND}exec "$(of dd)" ${args.map(quoted).join(' ')}`;
}

function ddJob(plan: MeasurePlan, direction: Direction): Work {
  const transfer = { path: pathOf(plan), bytes: plan.sizeBytes };
  const isRead = direction === 'read';
  return {
    prepare: isRead ? layOut(plan) : startAnew(plan),
    command: ddLine(isRead ? readArguments(transfer) : writeArguments(transfer)),
    parse: (text, tookMs) => ({
      mbps: ddRate(text, plan.sizeBytes, tookMs),
      bytes: plan.sizeBytes,
    }),
  };
}

/** BusyBox's dd may be built to say no rate; then the time that it took is that in which we had its answer. */
function ddRate(text: string, bytes: number, tookMs: number): number {
  if (/ copied, /.test(text)) return parseRate(text);
  const blocks = /^(\d+)\+0 records out$/m.exec(text)?.[1];
  if (Number(blocks) * BLOCK_BYTES !== bytes) throw new Error(`dd said: ${text.trim()}`);
  return bytes / tookMs / 1e3;
}

/** Our own file begins anew, so that its blocks are new too. */
function startAnew({ inPlace }: MeasurePlan): string {
  return inPlace === undefined ? `rm -f ${OWN}; : > ${OWN}` : 'true';
}

function layOut(plan: MeasurePlan): string {
  if (plan.inPlace !== undefined) return 'true';
  const { sizeBytes: bytes } = plan;
  const write = ddLine(writeArguments({ path: OWN, bytes }));
  return `[ -f ${OWN} ] && [ "$(wc -c < ${OWN})" -ge ${bytes} ] && exit 0\n${write}`;
}

function recordsJob(plan: MeasurePlan, direction: Direction): Work {
  const line = (how: Direction) =>
    `exec perl ./record-streams ${how} ${quoted(pathOf(plan))} ${TASKS} ${plan.sizeBytes}`;
  // What is checked has to be what was written: a device that is only read has to have been written by this before.
  const written = plan.inPlace === undefined && !plan.directions.includes('write');
  const prepare = written ? `: > ${OWN}\n${line('write')}` : 'true';
  return {
    prepare: direction === 'write' ? startAnew(plan) : prepare,
    command: line(direction),
    parse: parseRecords,
  };
}

function fioJob(plan: MeasurePlan, direction: Direction, name: FioWorkload): Work {
  const { sizeBytes: bytes, seconds } = plan;
  const args = fioArguments(name, { direction, path: pathOf(plan), bytes, seconds });
  return {
    prepare: layOut(plan),
    command: `exec fio ${args.map(quoted).join(' ')}`,
    parse: (text) => parseFio(text, direction),
  };
}

/** `hadoop classpath` does not name the jar of its tests. */
const FIND_HADOOP = `h=$HADOOP_HOME
[ -n "$h" ] || h=$(dirname "$(dirname "$(readlink -f "$(command -v hadoop)")")")
PATH=$h/bin:$PATH
tests=$(ls "$h"/share/hadoop/mapreduce/hadoop-mapreduce-client-jobclient-*-tests.jar | head -n 1)
jars=$(hadoop classpath):$tests
`;
function findJars(folder: string): string {
  const none = quoted(`there is no jar of Hadoop’s tests in ${folder}`);
  return `ls ${quoted(folder)}/hadoop-mapreduce-client-jobclient-*-tests.jar >/dev/null 2>&1 || { echo ${none}; exit 1; }
jars=${quoted(`${folder}/*`)}
`;
}

const RESULT = '"$PWD"/dfsio-result';

function dfsioJob(plan: MeasurePlan, direction: Direction): Work {
  const { hadoopJars, sizeBytes: bytes } = plan;
  const find = hadoopJars === undefined ? FIND_HADOOP : findJars(hadoopJars);
  const line = (way: Direction, result: string) =>
    dfsioCommand({
      ...{ direction: way, bytes, classPath: '"$jars"', folder: '"$PWD"', result },
    });
  // What Hadoop says of itself is long; the end of it says what went wrong.
  const measured = `${find}rm -f ${RESULT}
${line(direction, RESULT)} > dfsio-log 2>&1 || { tail -n 5 dfsio-log; exit 1; }
sync
cat ${RESULT}`;
  const isAlone = direction === 'read' && !plan.directions.includes('write');
  const before = `${find}${line('write', '"$PWD"/dfsio-prepared')} > dfsio-log 2>&1 || { tail -n 5 dfsio-log; exit 1; }`;
  return {
    prepare: isAlone ? `[ -d dfsio ] || { ${before}\n}` : 'true',
    command: measured,
    parse: (text) => {
      const dfsio = parseDfsio(text, direction);
      return { mbps: (dfsio.throughput * MIB) / 1e6, bytes, dfsio };
    },
  };
}

/**
 * So that what is read comes from the disk. Users who are not root may be allowed to ask for it; else what is left is to
 * have our own file forgotten, which BusyBox's dd cannot. Says which it was.
 */
export function forgetCommand({ inPlace }: MeasurePlan): string {
  const path = quoted(inPlace ?? OWN);
  return `${FIND}sync
( echo 3 > /proc/sys/vm/drop_caches ) 2>/dev/null && { echo forgotten; exit 0; }
sudo -n sh -c 'echo 3 > /proc/sys/vm/drop_caches' 2>/dev/null && { echo forgotten; exit 0; }
[ -e ${path} ] && "$(of dd)" of=${path} oflag=nocache conv=notrunc,fdatasync count=0 2>/dev/null && { echo forgotten; exit 0; }
echo kept`;
}

export function hasForgotten(text: string): boolean {
  return /^forgotten$/m.test(text);
}

/** Whether the place has what the workload needs; undefined: it has. `where`: as people call it. */
export function whyNoWorkload(
  plan: MeasurePlan,
  { programs, machine }: PlaceFacts,
  where: string,
): string | undefined {
  const lacks = (program: string, why: string) =>
    programs.has(program) ? undefined : `${where} has no ${program}${why}`;
  if (plan.workload === 'dd') return lacks('dd', ', which is all that this needs');
  if (plan.workload === 'fio') return lacks('fio', ': another --workload can be measured');
  if (plan.workload === 'hadoop') {
    if (machine !== 'x86_64') return `the lab’s program is for x86-64, and ${where} is ${machine}`;
    if (plan.inPlace !== undefined && !plan.directions.includes('write')) {
      return `streams of records are read where they were written before: --direction both writes over ${plan.inPlace}`;
    }
    return lacks('perl', ', which the lab’s streams of records are written in');
  }
  if (plan.inPlace !== undefined) {
    return `TestDFSIO works in a folder, and ${plan.inPlace} is none`;
  }
  const noJava = lacks('java', ', which Hadoop needs');
  if (noJava !== undefined || plan.hadoopJars !== undefined) return noJava;
  return lacks(
    'hadoop',
    ' on its PATH or in HADOOP_HOME: --hadoop-jars names a folder there with its jars',
  );
}
