// Owns the one image of a simulated cloud, and calls to its API from outside of every process.

import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import type { ImageManifest } from '@ironbark/protocol/internal/image-manifest.ts';
import { TransportError } from './messages.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** Virtual time after which nothing that is asked for can still be on its way. */
const LIMIT_MS = 5 * 60_000;
const MANIFEST: ImageManifest = {
  format: 'ironbark-image/1',
  name: 'tiny',
  description: 'An image for simulated guests',
  architecture: 'x86_64',
  builtAt: '2026-01-01T00:00:00Z',
  root: {
    key: 'tiny/root',
    sizeBytes: 4,
    sha256: '0'.repeat(64),
    encoding: 'zstd',
    unpackedBytes: 1024,
  },
  rootDiskBytes: 2 ** 30,
  rootDeviceName: '/dev/vda',
  minMemoryMib: 64,
  loginUser: 'root',
  packages: {},
};

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

export async function registerImage(world: World): Promise<string> {
  const { objects } = world;
  await objects.ensureBucket('images');
  const body = Buffer.from(JSON.stringify(MANIFEST));
  await objects.putObject({ bucket: 'images', key: MANIFEST.root.key, body: Buffer.from('root') });
  await objects.putObject({ bucket: 'images', key: 'tiny/manifest.json', body });
  const place = { Name: 'tiny', ImageLocation: 'images/tiny/manifest.json' };
  return (await callApi(world, 'RegisterImage', place)).ImageId!;
}
