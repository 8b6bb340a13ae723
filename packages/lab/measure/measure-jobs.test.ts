import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { parseDfsio } from '../workloads/test-dfsio.ts';
import {
  forgetCommand,
  hasForgotten,
  jobsOf,
  setUpCommand,
  whyNoWorkload,
} from './measure-jobs.ts';
import { MEASURE_WORKLOADS, type MeasurePlan } from './measure-plan.ts';
import type { PlaceFacts } from './place-facts.ts';

const BOTH = ['write', 'read'] as const;
const plan = (changes: Partial<MeasurePlan> = {}): MeasurePlan => ({
  ...({ workload: 'dd', directions: BOTH, sizeBytes: 8 * MIB, seconds: 5 } as const),
  ...changes,
});
const facts = (...programs: string[]): PlaceFacts => ({
  ...({ kind: 'folder', sizeBytes: 0, freeBytes: 1e9, machine: 'x86_64' } as const),
  programs: new Set(programs),
});

test('what is written comes before what is read, in the folder of the session', () => {
  for (const workload of MEASURE_WORKLOADS) {
    const jobs = jobsOf(plan({ workload }));
    assert.equal(jobs.length, workload === 'fio' ? 6 : 2);
    assert.deepEqual(
      jobs.map(({ direction }) => direction),
      jobs.map((_, at) => (at < jobs.length / 2 ? 'write' : 'read')),
    );
    for (const { prepare, command } of jobs) assert.doesNotMatch(prepare + command, /\/dev\/vd/);
  }
});

test('a device or file is worked on as it is: nothing is laid out, begun anew or removed', () => {
  for (const workload of ['dd', 'hadoop', 'fio'] as const) {
    const inPlace = "/mnt/a'b";
    const jobs = jobsOf(
      plan({ workload, inPlace, ...(workload === 'fio' && { directions: ['read'] }) }),
    );
    for (const { prepare, command } of jobs) {
      assert.equal(prepare, 'true');
      assert.ok(command.includes(`/mnt/a'\\''b`), command);
      assert.doesNotMatch(command, /\brm\b|> /);
    }
  }
});

test('dd’s rate is read as GNU and BusyBox say it, and taken from the clock where they do not', () => {
  const [write] = jobsOf(plan());
  const gnu =
    '128+0 records in\n128+0 records out\n8388608 bytes (8.4 MB, 8.0 MiB) copied, 0.5 s, 17 MB/s\n';
  const busybox =
    '128+0 records in\n128+0 records out\n8388608 bytes (8.0MB) copied, 0.500000 seconds, 16.0MB/s\n';
  assert.equal(write!.parse(gnu, 9_999).mbps, 16.777216);
  assert.equal(write!.parse(busybox, 9_999).mbps, 16.777216);
  assert.equal(write!.parse('128+0 records in\n128+0 records out\n', 500).mbps, 16.777216);
  assert.throws(() => write!.parse('100+0 records in\n100+0 records out\n', 500), /dd said/);
});

const RESULTS = `----- TestDFSIO ----- : write
            Date & time: Mon Nov 23 17:18:54 UTC 2026
        Number of files: 2
 Total MBytes processed: 64
      Throughput mb/sec: 49.84
 Average IO rate mb/sec: 52.04
  IO rate std deviation: 10.7
     Test exec time sec: 9.84

----- TestDFSIO ----- : read
            Date & time: Mon Nov 23 17:19:11 UTC 2026
        Number of files: 2
 Total MBytes processed: 64
      Throughput mb/sec: 241.51
 Average IO rate mb/sec: 481.05
  IO rate std deviation: 339.46
     Test exec time sec: 11.07
`;

test('TestDFSIO’s results are read by their direction, and its MB are MiB', () => {
  assert.deepEqual(parseDfsio(RESULTS, 'read'), {
    ...{ throughput: 241.51, averageRate: 481.05, testSeconds: 11.07 },
  });
  const [write] = jobsOf(plan({ workload: 'testdfsio' }));
  assert.equal(write!.parse(RESULTS, 0).mbps, (49.84 * MIB) / 1e6);
  assert.throws(() => parseDfsio(RESULTS.slice(0, 200), 'read'), /TestDFSIO said/);
  assert.throws(() => parseDfsio(RESULTS.replaceAll('49.84', 'NaN'), 'write'), /TestDFSIO said/);
});

test('TestDFSIO works below the folder alone, with the jars that are named or Hadoop’s own', () => {
  const [write] = jobsOf(
    plan({ workload: 'testdfsio', sizeBytes: 64 * MIB, hadoopJars: '/opt/it’s' }),
  );
  assert.match(write!.command, /^jars='\/opt\/it’s\/\*'$/m);
  assert.match(
    write!.command,
    /-D test\.build\.data="\$PWD"\/dfsio -D hadoop\.tmp\.dir="\$PWD"\/hadoop/,
  );
  assert.match(write!.command, /-write -nrFiles 2 -size 32MB -resFile "\$PWD"\/dfsio-result/);
  const [read] = jobsOf(plan({ workload: 'testdfsio', directions: ['read'] }));
  assert.match(read!.prepare, /-write /);
  assert.match(read!.command, /hadoop classpath/);
});

test('what a place lacks is said', () => {
  const why = (changes: Partial<MeasurePlan>, ...programs: string[]) =>
    whyNoWorkload(plan(changes), facts(...programs), 'i-1');
  assert.equal(why({}, 'dd'), undefined);
  assert.match(why({}) ?? '', /i-1 has no dd, which/);
  assert.match(why({ workload: 'fio' }, 'dd') ?? '', /i-1 has no fio:/);
  assert.match(why({ workload: 'hadoop' }, 'dd') ?? '', /i-1 has no perl, which the lab’s/);
  assert.match(why({ workload: 'testdfsio' }, 'hadoop') ?? '', /i-1 has no java, which Hadoop/);
  assert.match(
    why({ workload: 'testdfsio' }, 'java') ?? '',
    /no hadoop on its PATH .*--hadoop-jars/,
  );
  assert.equal(why({ workload: 'testdfsio', hadoopJars: '/opt/hadoop' }, 'java'), undefined);
  assert.match(why({ workload: 'testdfsio', inPlace: '/dev/vdb' }, 'java') ?? '', /in a folder/);
  const unwritten = { workload: 'hadoop', inPlace: '/dev/vdb', directions: ['read'] } as const;
  assert.match(why(unwritten, 'perl') ?? '', /--direction both writes over \/dev\/vdb/);
  const arm = { ...facts('perl'), machine: 'aarch64' };
  assert.match(whyNoWorkload(plan({ workload: 'hadoop' }), arm, 'i-1') ?? '', /is aarch64/);
});

test('the program is copied as it is, and only where it is used', () => {
  assert.equal(setUpCommand(plan()), 'true');
  const program = 'print "a\\n";\nprint \'b\';';
  assert.match(
    setUpCommand(plan({ workload: 'hadoop', program })),
    /^printf '%b' 'print "a\\\\n";\\n/,
  );
  assert.ok(hasForgotten('noise\nforgotten\n') && !hasForgotten('kept\n'));
  assert.match(forgetCommand(plan({ inPlace: '/dev/vdb' })), /of='\/dev\/vdb' oflag=nocache/);
});
