// Measures Hadoop's own TestDFSIO on this host through `ironbark lab measure`: that the jars which are known to work still
// do, and what a developer's machine gives. It asks only for a rate, since that is the machine's.

import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { Measured } from '../../packages/cli/measure-report.ts';
import { projectDir } from '../support/cloud-under-test.ts';
import { atLeast, type Figure } from '../support/figures.ts';
import { fetchHadoopJars } from '../support/hadoop/hadoop-jars.ts';

const TIMEOUT_MS = 600_000;
const SIZE_MIB = 128;

export async function measureTestDfsio(): Promise<Figure[]> {
  const jars = await fetchHadoopJars();
  if (typeof jars !== 'string') {
    console.error(`SKIPPED: Hadoop's jars cannot be had: ${jars.missing}`);
    return [];
  }
  const words = ['lab', 'measure', 'host', '--workload', 'testdfsio', '--size', `${SIZE_MIB}M`];
  const { stdout } = await systemCommands.run(
    join(projectDir, 'ironbark'),
    ['--json', ...words, '--hadoop-jars', jars],
    { timeoutMs: TIMEOUT_MS },
  );
  const { rows } = JSON.parse(stdout) as Measured;
  return rows.flatMap(({ direction, dfsio, reason }) => {
    if (dfsio === undefined) throw new Error(`${direction}: ${reason}`);
    const rate = (dfsio.throughput * MIB) / 1e6;
    return [atLeast(`TestDFSIO, ${direction}: MB/s`, Math.round(rate), 1)];
  });
}
