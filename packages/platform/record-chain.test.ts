import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, waitFor } from './clock.ts';
import { silentLogger } from './logger.ts';
import { RecordChain } from './record-chain.ts';
import { type ChainReport, readChain } from './record-reader.ts';

async function createLab(limits: { maxSegmentBytes?: number; maxSegments?: number } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'ironbark-chain-'));
  const path = (segment: number) => join(directory, `calls-00000${segment}.jsonl`);
  const open = () => {
    const options = { directory, name: 'calls', clock: systemClock, logger: silentLogger };
    return RecordChain.open({ ...options, ...limits });
  };
  return {
    directory,
    path,
    open,
    /** Opens, appends each, closes. */
    write: async (...names: string[]) => {
      await using chain = await open();
      for (const name of names) await chain.appendDurably({ name });
    },
    read: async () => {
      const names: unknown[] = [];
      const report = await readChain(directory, 'calls', ({ name }) => names.push(name));
      return { names, report };
    },
    edit: async (segment: number, change: (lines: string[]) => string[]) => {
      const lines = (await readFile(path(segment), 'utf8')).split('\n');
      await writeFile(path(segment), change(lines).join('\n'));
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

const isWhole = ({ faults }: ChainReport) => faults.length === 0;

test('records come back in order, over restarts, as one whole chain', async () => {
  await using lab = await createLab();
  await lab.write('one', 'two');
  await lab.write('three');
  const { names, report } = await lab.read();
  assert.deepEqual(names, ['one', 'two', 'three']);
  assert.deepEqual(report.faults, []);
  assert.deepEqual(report.notes, []);
  assert.equal(report.head.sequence, 4, 'the start line is one of the chain');
});

test('lines that wait together go to the disk in order', async () => {
  await using lab = await createLab();
  {
    await using chain = await lab.open();
    const durable = Array.from({ length: 500 }, (_, n) => chain.appendDurably({ name: n }));
    chain.append({ name: 'lazy' });
    await Promise.all(durable);
  }
  const { names, report } = await lab.read();
  assert.deepEqual(names, [...Array.from({ length: 500 }, (_, n) => n), 'lazy']);
  assert.ok(isWhole(report));
});

test('a record that nobody waits for reaches the disk by itself', async () => {
  await using lab = await createLab();
  await using chain = await lab.open();
  chain.append({ name: 'lazy' });
  const isThere = async () => (await lab.read()).names.length === 1;
  await waitFor(isThere, { clock: systemClock, timeoutMs: 10_000, what: 'the record' });
});

test('a changed record is found', async () => {
  await using lab = await createLab();
  await lab.write('one', 'two', 'three');
  await lab.edit(1, (lines) => lines.map((line) => line.replace('"two"', '"2wo"')));
  const { report } = await lab.read();
  assert.match(report.faults.join(), /record 3\) or the line before it was changed/);
});

test('a record with a hash of its own making is found', async () => {
  await using lab = await createLab();
  await lab.write('one', 'two', 'three');
  const other = await createLab();
  await other.write('one', 'other');
  const forged = (await readFile(other.path(1), 'utf8')).split('\n')[2]!;
  await other[Symbol.asyncDispose]();
  await lab.edit(1, (lines) => lines.with(2, forged));
  assert.match((await lab.read()).report.faults.join(), /was changed/);
});

test('a removed record is found, wherever it stood', async () => {
  for (const [index, expected] of [
    [1, /records 2 to 2 are missing/],
    [2, /records 3 to 3 are missing/],
    [3, /ends with record 3, but it reached 4 once/],
  ] as const) {
    await using lab = await createLab();
    await lab.write('one', 'two', 'three');
    await lab.edit(1, (lines) => lines.toSpliced(index, 1));
    assert.match((await lab.read()).report.faults.join(), expected);
  }
});

test('a line that was put in and one that is garbage are found', async () => {
  await using lab = await createLab();
  await lab.write('one', 'two');
  await lab.edit(1, (lines) => lines.toSpliced(1, 0, lines[1]!));
  assert.match((await lab.read()).report.faults.join(), /number 2, which was there before/);
  await lab.edit(1, (lines) => lines.with(1, 'garbage'));
  assert.match((await lab.read()).report.faults.join(), /line 2 of file 1 cannot be read/);
});

test('rotation carries the chain over and keeps the newest files; a missing file is found', async () => {
  await using lab = await createLab({ maxSegmentBytes: 300, maxSegments: 3 });
  const names = Array.from({ length: 20 }, (_, n) => `record ${n}`);
  await lab.write(...names);
  const files = (await readdir(lab.directory)).filter((name) => name.endsWith('.jsonl')).sort();
  assert.equal(files.length, 3);
  const { names: read, report } = await lab.read();
  assert.deepEqual(report.faults, []);
  assert.deepEqual(read, names.slice(-read.length));
  await rm(join(lab.directory, files[0]!));
  assert.match((await lab.read()).report.faults.join(), /the files \d+ to \d+ are missing/);
  await writeFile(join(lab.directory, files[0]!), '');
  await rm(join(lab.directory, files[1]!));
  assert.equal(isWhole((await lab.read()).report), false);
});

test('a line that a crash cut short is passed over, and the chain goes on in a new file', async () => {
  await using lab = await createLab();
  await lab.write('one', 'two');
  await appendFile(lab.path(1), '{"sequence":4,"name":"never ackno');
  const before = await lab.read();
  assert.deepEqual(before.names, ['one', 'two']);
  assert.deepEqual(before.report.faults, []);
  assert.match(before.report.notes.join(), /cut short/);
  await lab.write('three');
  const after = await lab.read();
  assert.deepEqual(after.names, ['one', 'two', 'three']);
  assert.deepEqual(after.report.faults, []);
});

test('a first line that was cut short leaves a chain that begins again', async () => {
  await using lab = await createLab();
  await writeFile(lab.path(1), '{"sequence":1,"segm');
  await lab.write('one');
  const { names, report } = await lab.read();
  assert.deepEqual(names, ['one']);
  assert.deepEqual(report.faults, []);
});

test('a change before the end does not stop the daemon, and stays to be found', async () => {
  await using lab = await createLab();
  await lab.write('one', 'two', 'three');
  await lab.edit(1, (lines) => lines.map((line) => line.replace('"one"', '"eno"')));
  await lab.write('four');
  const { names, report } = await lab.read();
  assert.deepEqual(names, ['eno', 'two', 'three', 'four']);
  assert.equal(report.faults.length, 1);
});

test('records that cannot be written are counted, and the chain goes on', async () => {
  await using lab = await createLab();
  await lab.write('one');
  await using chain = await lab.open();
  await chain.appendDurably({ name: 'two' });
  const broken = { name: 'never', toJSON: () => assert.fail('as a full disk would') };
  await chain.appendDurably(broken);
  await chain.appendDurably({ name: 'three' });
  const { names, report } = await lab.read();
  assert.deepEqual(names, ['one', 'two', 'three']);
  assert.deepEqual(report.faults, []);
  assert.match(report.notes.join(), /1 records before number 4 could not be written/);
});

test('cut off at any byte, the chain is read up to there and goes on', async () => {
  await using lab = await createLab();
  await lab.write('one', 'two', 'three');
  const whole = await readFile(lab.path(1));
  for (let length = 0; length < whole.length; length += 7) {
    await writeFile(lab.path(1), whole);
    await truncate(lab.path(1), length);
    await rm(join(lab.directory, 'calls.head.json'), { force: true });
    await lab.write('more');
    const { names, report } = await lab.read();
    assert.deepEqual(report.faults, [], `${length} bytes`);
    assert.equal(names.at(-1), 'more');
    await rm(lab.path(2), { force: true });
  }
});
