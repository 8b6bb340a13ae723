// Owns the one image of a simulated cloud, and calls to its API from outside of every process.

import { createHash } from 'node:crypto';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import {
  PRETEND_MANIFEST,
  putPretendImage,
} from '@ironbark/protocol/internal/testing/pretend-image.ts';
import { TransportError } from './messages.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** Virtual time after which nothing that is asked for can still be on its way. */
const LIMIT_MS = 5 * 60_000;

/** Runs the simulation until the promise has ended. */
export async function finish<Result>(world: World, work: Promise<Result>): Promise<Result> {
  let isOver = false;
  work.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  const { simulation } = world;
  await simulation.run(simulation.nowMs + LIMIT_MS, () => isOver);
  if (!isOver) throw new Error(`no end after ${LIMIT_MS} virtual ms`);
  return work;
}

/** Calls an action, and runs the simulation until it has answered; a lost answer is asked for again. */
export async function callApi<Name extends Ec2Action>(
  world: World,
  action: Name,
  input: Partial<Ec2Input<Name>>,
): Promise<Ec2Output<Name>> {
  const caller = new SimulatedProcess(world.simulation, 'administrator');
  const limits = { timeoutMs: 10_000, isNeverDoubled: true };
  const api = world.messages.connect<{
    call(name: string, input: unknown): Promise<Ec2Output<Name>>;
  }>(caller, 'cloud', limits);
  const endMs = world.simulation.nowMs + LIMIT_MS;
  for (;;) {
    try {
      return await finish(world, api.call(action, input));
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (world.simulation.nowMs > endMs) {
        throw new Error(`no answer: ${world.simulation.violations.join('; ')}`, { cause: error });
      }
      await world.simulation.run(world.simulation.nowMs + 500);
    }
  }
}

const EBS_ROOT = Buffer.from('root');

/** The same with its root disk in volumes; answers the image and its snapshot once it can be launched. */
export async function registerEbsImage(
  world: World,
): Promise<{ imageId: string; snapshotId: string }> {
  const { objects } = world;
  const sha256 = createHash('sha256').update(EBS_ROOT).digest('hex');
  const sizes = { sizeBytes: EBS_ROOT.length, unpackedBytes: EBS_ROOT.length };
  // Threads that unpack have an order of their own.
  const root = {
    ...PRETEND_MANIFEST.root,
    ...sizes,
    key: 'ebs/root',
    sha256,
    encoding: 'raw' as const,
  };
  const body = Buffer.from(JSON.stringify({ ...PRETEND_MANIFEST, root }));
  await objects.ensureBucket('images');
  await objects.putObject({ bucket: 'images', key: root.key, body: EBS_ROOT });
  await objects.putObject({ bucket: 'images', key: 'ebs/manifest.json', body });
  await callApi(world, 'RegisterImage', {
    Name: 'ebs',
    ImageLocation: 'images/ebs/manifest.json',
    BlockDeviceMappings: [{ DeviceName: PRETEND_MANIFEST.rootDeviceName, Ebs: { VolumeSize: 1 } }],
  }).catch((error: unknown) => {
    // The first try did it, and its answer was lost.
    if (!isServiceError(error, 'duplicate')) throw error;
  });
  return untilAvailable(world, 'ebs');
}

/** Of an image by its name. */
export async function untilAvailable(
  world: World,
  name: string,
): Promise<{ imageId: string; snapshotId: string }> {
  const endMs = world.simulation.nowMs + LIMIT_MS;
  for (;;) {
    const Filters = [{ Name: 'name', Values: [name] }];
    const [image] = (await callApi(world, 'DescribeImages', { Filters })).Images ?? [];
    const snapshotId = image?.BlockDeviceMappings?.[0]?.Ebs?.SnapshotId;
    if (image?.State === 'available') return { imageId: image.ImageId!, snapshotId: snapshotId! };
    if (image?.State === 'failed' || world.simulation.nowMs > endMs) {
      throw new Error(`the image ${name} is ${image?.State ?? 'not there'}`);
    }
    await world.simulation.run(world.simulation.nowMs + 500);
  }
}

export async function registerImage(world: World): Promise<string> {
  const { objects } = world;
  await objects.ensureBucket('images');
  const place = { Name: 'tiny', ImageLocation: await putPretendImage(objects, 'tiny') };
  return (await callApi(world, 'RegisterImage', place)).ImageId!;
}
