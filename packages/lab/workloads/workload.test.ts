import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { overwriteUnsynced, writeUnsynced } from '@ironbark/platform/files.ts';
import { parseFio } from './fio.ts';
import { guestToolCommand, hostToolCommand } from './host-tools.ts';
import { directionsOf, parseRecords, programOf, WORKLOADS, workMsOf } from './workload.ts';

const transfer = { path: '/dev/vda', bytes: 64 * MIB, seconds: 3 } as const;

test('each workload has a program for each of its directions', () => {
  for (const workload of WORKLOADS) {
    for (const direction of directionsOf(workload)) {
      const { tool, args } = programOf({ ...transfer, workload, direction });
      assert.ok(['dd', 'fio', 'record-streams'].includes(tool));
      assert.ok(args.some((arg) => arg.includes('/dev/vda')));
      // The guest's shell reads them as they are.
      for (const arg of args) assert.match(arg, /^[A-Za-z0-9=./,_-]+$/);
    }
  }
});

test('fio’s jobs differ in order, depth, engine and mix', () => {
  const args = (workload: 'fio-random-qd64' | 'fio-random-sync' | 'fio-mixed-qd16') =>
    programOf({ ...transfer, workload, direction: 'read' }).args.join(' ');
  assert.match(args('fio-random-qd64'), /--rw=randread --ioengine=libaio --iodepth=64 --runtime=3/);
  assert.match(args('fio-random-sync'), /--ioengine=psync --iodepth=1/);
  assert.match(args('fio-mixed-qd16'), /--rw=randrw --rwmixread=70/);
  assert.deepEqual(directionsOf('fio-mixed-qd16'), ['read']);
});

test('what fio prints is read, whatever it says before', () => {
  const side = {
    ...{ bw_bytes: 5e6, io_bytes: 1e7, iops: 1_220.7 },
    clat_ns: { mean: 819_000, percentile: { '99.000000': 2_400_000 } },
  };
  const text = `fio: a note\n${JSON.stringify({ jobs: [{ read: side }] }, undefined, 1)}\n`;
  assert.deepEqual(parseFio(text, 'read'), {
    ...{ mbps: 5, bytes: 1e7, seconds: 2, iops: 1_220.7, latencyMs: { mean: 0.819, p99: 2.4 } },
  });
  assert.equal(workMsOf(parseFio(text, 'read')), 2_000);
  assert.equal(workMsOf({ mbps: 25, bytes: 50e6 }), 2_000);
  assert.throws(() => parseFio(text, 'write'), /moved nothing/);
  assert.throws(() => parseFio('fio: no such file', 'read'), /no such file/);
});

test('the host and the guest run one and the same program, each in its way', () => {
  assert.deepEqual(hostToolCommand('/t', 'fio', ['--x']), [
    ...['/t/lib/ld-linux-x86-64.so.2', '--library-path', '/t/lib', '/t/bin/fio', '--x'],
  ]);
  assert.deepEqual(hostToolCommand('/t', 'round-trips', []).slice(-2), [
    ...['/t/bin/perl', '/t/bin/round-trips'],
  ]);
  assert.equal(guestToolCommand('record-streams', ['a']), '/bin/perl /bin/record-streams a');
});

const RECORD_STREAMS = join(import.meta.dirname, '../../images/lab/programs/record-streams');

/** With the host's own Perl, which every Debian has. */
async function records(how: string, path: string): Promise<string> {
  const args = [RECORD_STREAMS, how, path, '2', String(MIB)];
  return (await systemCommands.run('perl', args)).stdout;
}

test('streams of records come back whole, and a damaged one is counted and fails the row', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-records-'));
  const path = join(folder, 'disk');
  try {
    await writeUnsynced(path, Buffer.alloc(MIB));
    for (const how of ['write', 'read', 'spill']) {
      const outcome = parseRecords(await records(how, path));
      assert.ok(outcome.mbps > 0 && outcome.bytes === MIB, how);
    }
    await records('write', path);
    await systemCommands.run('dd', [`of=${path}`, 'bs=1', `seek=${70 * KIB}`, 'conv=notrunc'], {
      input: 'x',
    });
    await assert.rejects(async () => parseRecords(await records('read', path)), {
      message: '1 records came back from the disk damaged',
    });
    await overwriteUnsynced(path, '');
    assert.match(await records('read', path), /, 16 records damaged/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
