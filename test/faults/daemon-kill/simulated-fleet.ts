// Owns simulated guests under which daemons are killed: cheap enough for a thousand kills, or a hundred guests.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createEc2, createS3 } from '../../support/clients.ts';
import { type CloudUnderTest, eventually } from '../../support/cloud-under-test.ts';
import { zeroFigure } from '../../support/figures.ts';
import { registerTestImage } from '../../support/test-image.ts';
import type { Fleet } from './fleet.ts';

export async function makeSimulatedFleet(cloud: CloudUnderTest, size: number): Promise<Fleet> {
  const [ec2, s3] = [createEc2(cloud), createS3(cloud)];
  const ImageId = await registerTestImage(ec2, s3);
  ec2.destroy();
  s3.destroy();
  const counts = { MinCount: size, MaxCount: size };
  await cloud.ec2().call('RunInstances', { ImageId, InstanceType: 't3.nano', ...counts });
  const isRunning = async () => (await countRunning(cloud)) === size;
  await eventually('the simulated guests', isRunning);
  const before = await readGuests(cloud);
  return { size, judge: async () => judge(before, await readGuests(cloud)) };
}

async function countRunning(cloud: CloudUnderTest): Promise<number> {
  const { Reservations = [] } = await cloud.ec2().call('DescribeInstances', {});
  const instances = Reservations.flatMap(({ Instances = [] }) => Instances);
  return instances.filter(({ State }) => State?.Name === 'running').length;
}

/** Each guest's file names its process, and counts its boots. */
async function readGuests(cloud: CloudUnderTest): Promise<Map<string, string>> {
  const folder = join(cloud.dataDir, 'node/simulated-guests');
  const guests = new Map<string, string>();
  // One that is written anew has another file beside it for a moment.
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  for (const name of names) {
    const { pid, boots } = JSON.parse(await readFile(join(folder, name), 'utf8'));
    guests.set(name, `${pid} ${boots}`);
  }
  return guests;
}

function judge(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  const lost = [...before].filter(([name, life]) => after.get(name) !== life).length;
  const extra = [...after.keys()].filter((name) => !before.has(name)).length;
  return [
    zeroFigure('guests killed or booted again', lost),
    zeroFigure('guests that nobody asked for', extra),
  ];
}
