import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { checkLabRun } from './commands/lab-check.ts';
import { compareLabRuns } from './commands/lab-compare.ts';
import { Terminal } from './terminal.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ironbark-lab-files-'));
});
after(() => rm(folder, { recursive: true }));

const ID = 'guest/local-disk/virtio-blk/native/direct/read/buffered';

async function runOf(name: string, ratio: number): Promise<string> {
  const spread = { median: ratio, lowest: ratio, highest: ratio };
  const row = { id: ID, vmm: 'emulation', target: 'local-disk', setting: 'virtio-blk/native' };
  const run = {
    ...{ format: 'ironbark-lab/1', startedAt: '2026-01-01T00:00:00Z', profile: 'slow' },
    ...{ testbed: {}, sizeBytes: 1, repeat: 1, network: [] },
    environment: {
      ...{ host: 'h', kernel: '6', processors: 2, load: [0, 0] },
      ...{ hypervisor: 'QEMU', acceleration: 'none' },
    },
    rows: [
      { ...row, direction: 'read', workload: 'buffered', spread: { mbps: spread, ratio: spread } },
    ],
  };
  const place = join(folder, name);
  await mkdir(place);
  await writeUnsynced(join(place, 'report.json'), JSON.stringify(run));
  return place;
}

/** What is printed for people. */
async function said(work: (terminal: Terminal) => Promise<unknown>) {
  const output = new PassThrough() as PassThrough & NodeJS.WriteStream;
  const progress = new PassThrough() as PassThrough & NodeJS.WriteStream;
  const code = await work(new Terminal({ clock: systemClock, output, progress, json: false }));
  return { code, text: String(output.read() ?? '') };
}

test('a budget is made from a run, holds of it, and not of one whose ratio fell', async () => {
  const [good, fallen] = [await runOf('good', 0.8), await runOf('fallen', 0.5)];
  const budget = join(folder, 'lab.budget');
  const check = (run: string, more = {}) =>
    said((terminal) => checkLabRun({ terminal }, run, { budget, margin: 5, ...more }));
  await assert.rejects(check(good), /there is no file .*lab\.budget/);
  assert.match((await check(good, { write: true })).text, /1 bound in/);
  assert.match(await readFile(budget, 'utf8'), /"atLeast": 0\.76/);
  assert.deepEqual(await check(good), { code: 0, text: 'Met: 1 ratio.\n' });
  const { code, text } = await check(fallen);
  assert.equal(code, 1);
  assert.match(text, /Not met: 1 of 1 ratio\./);
  assert.ok(text.includes(ID) && text.includes('0.500; it has to be at least 0.76'));
});

test('two runs are compared by their folders or files, into a page', async () => {
  const [one, other] = [await runOf('one', 0.8), await runOf('other', 0.5)];
  const out = join(folder, 'compared');
  const pair = [one, join(other, 'report.json')] as const;
  const { text } = await said((terminal) => compareLabRuns({ terminal }, pair, { out }));
  assert.match(text, /1 worse, 0 better/);
  assert.match(text, /80 % +50 % +-37 % +WORSE/);
  assert.match(await readFile(join(out, 'comparison.html'), 'utf8'), /class="worse"/);
  await writeUnsynced(join(folder, 'torn.json'), '{');
  const torn = said((terminal) =>
    compareLabRuns({ terminal }, [one, join(folder, 'torn.json')], {}),
  );
  await assert.rejects(torn, /torn\.json: it is no JSON/);
});
