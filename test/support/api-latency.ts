// Owns how long the API of a cloud under test takes to answer, asked again and again.

import { systemClock } from '@ironbark/platform/clock.ts';
import type { CloudUnderTest } from './cloud-under-test.ts';

/** Milliseconds of so many DescribeInstances, one after the other. */
export async function measureApi(cloud: CloudUnderTest, calls = 100): Promise<number[]> {
  const ec2 = cloud.ec2();
  const times: number[] = [];
  for (let call = 0; call < calls; call++) {
    const startedMs = systemClock.monotonicMs();
    await ec2.call('DescribeInstances', {});
    times.push(systemClock.monotonicMs() - startedMs);
  }
  return times;
}
