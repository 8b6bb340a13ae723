import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { hostWorkBetween, parseHostWork, readHostWork } from './host-work.ts';

const statistics = (busy: number, idle: number, interrupts: number) =>
  `cpu  ${busy} 0 0 ${idle} 0 0 0 0 ${busy} 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr ${interrupts} 5 0 9\nctxt 7\n`;

test('processors, interrupts and exits of an interval come from two readings', () => {
  const before = { ...parseHostWork(statistics(100, 100, 5_000))!, exits: 1_000 };
  const after = { ...parseHostWork(statistics(250, 150, 9_000))!, exits: 4_000 };
  assert.deepEqual(hostWorkBetween(before, after, 2_000), {
    ...{ processors: 0.75, interruptsPerSecond: 2_000, exitsPerSecond: 1_500 },
  });
  const { exits: _none, ...emulated } = after;
  assert.equal(hostWorkBetween(before, emulated, 2_000)!.exitsPerSecond, undefined);
  assert.equal(hostWorkBetween(before, after, 0), undefined);
  assert.equal(hostWorkBetween(undefined, after, 1), undefined);
  assert.equal(parseHostWork('nothing of it'), undefined);
});

test('exits are those of the guest’s own process, and this host’s counters are read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-work-'));
  try {
    const places = { statistics: join(folder, 'stat'), kvm: folder };
    await writeUnsynced(places.statistics, statistics(1, 1, 1));
    for (const [guest, exits] of [
      ['71-12', '9\n'],
      ['7-12', '42\n'],
    ] as const) {
      await mkdir(join(folder, guest));
      await writeUnsynced(join(folder, guest, 'exits'), exits);
    }
    assert.equal((await readHostWork(7, places))!.exits, 42);
    assert.equal((await readHostWork(8, places))!.exits, undefined);
  } finally {
    await rm(folder, { recursive: true });
  }
  assert.ok((await readHostWork())!.interrupts > 0);
});
