// Owns the suite of backups under load, as the runner starts it.

import { mkdtemp, rm } from 'node:fs/promises';
import { CloudUnderTest } from '../../support/cloud-under-test.ts';
import type { FaultSuite } from '../../support/fault-suite.ts';
import { zeroFigure } from '../../support/figures.ts';
import { runBackupRound } from './backup-rounds.ts';

const ROUNDS = 10;

export const backupSuite: FaultSuite = async ({ count = ROUNDS, explain }) => {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp('/var/tmp/ironbark-backup-');
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const options = { hypervisor: 'simulated', flags: ['--no-image'] } as const;
  const cloud = undo.use(await CloudUnderTest.start(options));
  const broken: string[] = [];
  let acknowledged = 0;
  let meanwhile = 0;
  for (let round = 1; round <= count; round++) {
    const result = await runBackupRound(cloud, folder);
    acknowledged += result.acknowledged;
    meanwhile += result.meanwhile;
    broken.push(...result.broken);
    for (const sentence of result.broken) explain(`backup ${round}: ${sentence}`);
  }
  return [
    {
      name: 'calls acknowledged before a backup',
      value: acknowledged,
      bar: 1,
      ok: acknowledged > 0,
    },
    { name: 'calls acknowledged during one', value: meanwhile, bar: 1, ok: meanwhile > 0 },
    zeroFigure(`lost or torn in ${count} backups and restores`, broken.length),
  ];
};
