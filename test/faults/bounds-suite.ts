// Owns `npm run faults -- bounds [--count HALF_OPEN]`: peers that take without end, in figures. More connections than
// 10,000 are more than a listener holds.

import { MOST_KEPT_MIB, runBounds } from '../support/bounds.ts';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import type { FaultSuite } from '../support/fault-suite.ts';
import { atMost, type Figure } from '../support/figures.ts';
import { send } from '../support/signed-call.ts';

export const HALF_OPEN = 5_000;
/** A heap that has grown keeps some of it; 5,000 connections that were kept would be four times as much. */
const BARS = { p99Ms: 1_000, refusalMs: 25_000, files: 4, memoryMib: MOST_KEPT_MIB };

export const boundsSuite: FaultSuite = async ({ count = HALF_OPEN, explain }) =>
  await measureBounds(count, explain);

export async function measureBounds(
  count: number,
  explain: (line: string) => void,
): Promise<Figure[]> {
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const { endpoint, region, ...key } = cloud.credentials;
  const caller = { endpoint, region, key };
  const bucket = 'bounds';
  await send(caller, { service: 's3', method: 'PUT', target: `/${bucket}` });
  const target = { caller, bucket, pid: await cloud.daemonPid() };
  const { bystander, ...result } = await runBounds(target, count);
  for (const line of [...result.wrong, ...bystander.failed]) explain(line);
  return [
    { name: 'half-open connections', value: count, bar: 1, ok: count > 0 },
    atMost('attacks not refused as they should be', result.wrong.length, 0),
    atMost('slowest refusal, ms', result.slowestRefusalMs, BARS.refusalMs),
    { name: 'requests of a bystander', value: bystander.asked, bar: 1, ok: bystander.asked > 0 },
    atMost('requests of the bystander that failed', bystander.failed.length, 0),
    atMost('99 of 100 of its answers within, ms', bystander.p99Ms, BARS.p99Ms),
    atMost('open files more than before', result.moreFiles, BARS.files),
    atMost('memory more than before, MiB', result.moreMemoryMib, BARS.memoryMib),
  ];
}
