import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paperLabel, paperTable } from '../paper/paper-rows.ts';
import { configurationId, paperRowOf } from './configuration.ts';
import { MATRIX } from './matrix.ts';
import { type SelectableWorkload, selectNetworkRows, selectRows } from './select-rows.ts';

const everything = selectRows({ quick: false, patterns: [] });
const quick = selectRows({ quick: true, patterns: [] });
const quickNetwork = selectNetworkRows({ quick: true, patterns: [] });

test('every row of both of the paper’s tables is in the matrix once, in the paper’s order', () => {
  for (const direction of ['write', 'read'] as const) {
    const found = quick
      .filter((row) => row.direction === direction && row.workload === 'buffered')
      .map(paperRowOf);
    assert.deepEqual(
      found.flatMap((row) => (row === undefined ? [] : [paperLabel(row)])),
      paperTable(direction).map(paperLabel),
    );
  }
});

test('no two rows have one id', () => {
  assert.equal(new Set(everything.map(({ id }) => id)).size, everything.length);
  assert.equal(new Set(MATRIX.map(configurationId)).size, MATRIX.length);
});

test('what cannot be run has a sentence that says why, and everything else a guest’s disk', () => {
  for (const { vmm, profile, reason } of MATRIX) {
    if (vmm === 'xen' || vmm === 'ec2') assert.match(reason!, /^[A-Z].*\.$/);
    if (vmm === 'guest') assert.ok(profile !== undefined);
    if (reason === undefined) assert.ok(vmm === 'none' || vmm === 'guest');
  }
});

test('Linux’ native AIO is never paired with the page cache, which QEMU refuses', () => {
  const wrong = MATRIX.filter(
    ({ profile }) => profile?.aio === 'native' && profile.cache !== 'direct',
  );
  assert.deepEqual(wrong, []);
});

test('every bus, engine and cache mode has rows', () => {
  const of = (pick: (row: (typeof MATRIX)[number]) => unknown) => new Set(MATRIX.map(pick));
  const buses = of(({ profile }) => profile?.bus);
  for (const bus of ['lsi53c895a', 'virtio-blk', 'virtio-scsi', 'nvme', 'ide']) {
    assert.ok(buses.has(bus), bus);
  }
  assert.equal(of(({ profile }) => profile?.aio).size, 4);
  assert.equal(of(({ profile }) => profile?.cache).size, 4);
});

test('rows are chosen by parts of their ids', () => {
  const ids = (...patterns: string[]) => selectRows({ quick: true, patterns }).map(({ id }) => id);
  assert.deepEqual(ids('sparse*/write/'), [
    'guest/sparse-file/lsi53c895a/threads/writethrough/write/buffered',
  ]);
  assert.deepEqual(ids('none/local'), [
    'none/local-disk/write/buffered',
    'none/local-disk/read/buffered',
    'none/local-disk/write/hadoop',
    'none/local-disk/read/hadoop',
  ]);
  assert.equal(ids('none/local*buffered', 'sparse*/write/').length, 3);
  assert.deepEqual(ids('read*sparse'), []);
  assert.ok(everything.some(({ id }) => id.endsWith('/direct')));
});

test('rows are chosen by what they do, and the network’s are among them', () => {
  const group = (workload: SelectableWorkload) => {
    const selection = { quick: false, patterns: [], workloads: [workload] };
    return [...selectRows(selection), ...selectNetworkRows(selection)].map(({ id }) => id);
  };
  assert.ok(group('dd').every((id) => /\/(buffered|direct)$/.test(id)));
  assert.ok(group('hadoop').every((id) => /\/hadoop(-spill)?$/.test(id)));
  assert.ok(group('fio').every((id) => /\/fio-[a-z0-9-]+$/.test(id)));
  assert.ok(group('network').every((id) => id.startsWith('network/')));
  assert.ok(group('network').length > 30);
});

test('a run that is quick has dd, Hadoop’s streams on the local disk and single streams', () => {
  assert.deepEqual(new Set(quick.map(({ workload }) => workload)), new Set(['buffered', 'hadoop']));
  const streams = quick.filter(({ workload }) => workload === 'hadoop');
  assert.ok(streams.every(({ configuration: { target } }) => target === 'local-disk'));
  assert.ok(quickNetwork.every(({ streams: count }) => count === 1));
});
