// The disk of the state stores is slow: each sync takes a twentieth of a second more, while some clients write all the
// time. Reading stays in time, and nothing that was acknowledged is missing.

import { systemClock } from '@ironbark/platform/clock.ts';
import { measureApi } from '../../support/api-latency.ts';
import { CloudUnderTest } from '../../support/cloud-under-test.ts';
import { percentileFigure, zeroFigure } from '../../support/figures.ts';
import { slowSyncs, whyNoSlowSyncs } from '../../support/slow-syncs.ts';
import type { Scenario } from './scenario.ts';

const SYNC_DELAY_MS = 50;
const WRITERS = 4;
const CALLS = 40;
const API_BAR_MS = 1_000;

export const slowDisk: Scenario = async ({ explain }) => {
  const reason = await whyNoSlowSyncs();
  if (reason !== undefined) throw new Error(reason);
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const stopping = new AbortController();
  const writers = Array.from({ length: WRITERS }, (_, index) =>
    writeForEver(cloud, `key-${index}`, stopping.signal),
  );
  let times: number[];
  {
    await using _slow = await slowSyncs(await cloud.daemonPid(), SYNC_DELAY_MS);
    times = await measureApi(cloud, CALLS);
    stopping.abort();
  }
  const names = (await Promise.all(writers)).flat();
  explain(`slow disk: ${names.length} writes were acknowledged meanwhile`);
  const { KeyPairs = [] } = await cloud.ec2().call('DescribeKeyPairs', {});
  const known = new Set(KeyPairs.map(({ KeyName }) => KeyName));
  return [
    zeroFigure(
      'slow disk: acknowledged and missing',
      names.filter((one) => !known.has(one)).length,
    ),
    zeroFigure('slow disk: clients that got nothing written', names.length === 0 ? 1 : 0),
    percentileFigure('slow disk: API, p99, ms', times, API_BAR_MS),
  ];
};

/** Names of the key pairs that were acknowledged. */
async function writeForEver(
  cloud: CloudUnderTest,
  prefix: string,
  signal: AbortSignal,
): Promise<string[]> {
  const made: string[] = [];
  const ec2 = cloud.ec2();
  while (!signal.aborted) {
    const KeyName = `${prefix}-${made.length}`;
    await ec2.call('CreateKeyPair', { KeyName, KeyType: 'ed25519' });
    made.push(KeyName);
    await systemClock.sleep(0);
  }
  return made;
}
