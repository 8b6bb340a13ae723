// Measures what a port's change of groups costs on a host with few ports and with many. The ports are records without
// taps, which no rule of a group asks about; with taps, and at random, it is measured by `npm run faults -- network`.

import { join } from 'node:path';
import { createNetworkNames } from '@ironbark/node/host/network-names.ts';
import { hostPlace } from '@ironbark/node/host/network-place.ts';
import { PortRecords, recordOf } from '@ironbark/node/host/port-records.ts';
import { createTestCloud } from '@ironbark/node/testing/test-cloud.ts';
import { fromGroup, group, portIntent, vpcIntent } from '@ironbark/node/testing/vpc-intent.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { atMost, type Figure } from '../support/figures.ts';

const FEW_PORTS = 10;
const MANY_PORTS = 1_000;
const GROUPS = 20;
const SAMPLES = 25;
/** The first that is no gateway. */
const FIRST_PLACE = 5;
const MAX_RATIO = 1.5;

export async function measureChanges(): Promise<Figure[]> {
  const few = await costWith(FEW_PORTS);
  const many = await costWith(MANY_PORTS);
  const ratio = Number((many / few).toFixed(2));
  return [atMost(`a change of groups, ${MANY_PORTS} ports / ${FEW_PORTS}`, ratio, MAX_RATIO)];
}

/** In milliseconds, the least of the samples: what other work on the host adds is not the network's. */
async function costWith(count: number): Promise<number> {
  const cloud = await createTestCloud(`changes-${count}`);
  const ports = Array.from({ length: count }, (_, at) => cloud.port(FIRST_PLACE + at));
  const { id, cidr, gatewayIp, vpcCidr } = cloud.subnet;
  const groups = Array.from({ length: GROUPS }, (_, at) => group(at + 1, [fromGroup(at + 1)]));
  /** Of each port the group that its number leads to, but for the first one. */
  const vpcWith = (own: number) => {
    const all = ports.map((port, at) => portIntent(port, [at === 0 ? own : 1 + (at % GROUPS)]));
    const subnets = [{ id, cidr, gatewayIp }];
    return vpcIntent({ number: 1, cidr: vpcCidr, subnets, groups, ports: all });
  };
  // Its folder is there before the records are.
  await (await cloud.open()).ensureSubnets([cloud.subnet], []);
  const { directory } = hostPlace(createNetworkNames(cloud.cloudId), systemCommands);
  const records = await PortRecords.open(join(directory, 'ports'));
  for (const port of ports) await records.put(recordOf(port));
  const network = await cloud.open();
  try {
    await network.ensureSubnets([cloud.subnet], [vpcWith(1)]);
    const values: number[] = [];
    const own: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const vpcs = [vpcWith(1 + (sample % 2))];
      const before = systemClock.monotonicMs();
      const used = process.cpuUsage();
      await network.putVpcs(vpcs);
      const { user, system } = process.cpuUsage(used);
      if (sample === 0) continue;
      values.push(systemClock.monotonicMs() - before);
      own.push((user + system) / 1_000);
    }
    const least = Math.min(...values);
    const text = `${least.toFixed(1)} ms, ${Math.min(...own).toFixed(1)} of it this process's`;
    console.log(`${count} ports: a change of groups takes ${text}`);
    return least;
  } finally {
    await network.removeAll();
  }
}
