// Owns what Ceph says of an image, and what is done with one as a whole.

import { NOT_EMPTY, NOT_FOUND, type RbdCommand } from './rbd-command.ts';

export interface ImageFacts {
  size: number;
  /** What it still reads from. */
  parent?: object;
  features?: readonly string[];
  /** Of its map of objects: what Ceph itself does not believe. */
  flags?: readonly string[];
}

/** Of an image that is being made. */
export const UNFINISHED = '.new';

export async function readImage(rbd: RbdCommand, name: string): Promise<ImageFacts | undefined> {
  const text = await rbd.run('rbd', ['info', '--format', 'json', rbd.imageSpec(name)]);
  return text === undefined ? undefined : (JSON.parse(text) as ImageFacts);
}

export async function resizeImage(rbd: RbdCommand, name: string, bytes: number): Promise<void> {
  await rbd.must(['resize', '--no-progress', '--size', `${bytes}B`, rbd.imageSpec(name)]);
}

/** With its points in time. One that clones read from is out of the way, and ends with the last of them. */
export async function removeImage(rbd: RbdCommand, name: string): Promise<void> {
  const spec = rbd.imageSpec(name);
  const purged = await rbd.run('rbd', ['snap', 'purge', '--no-progress', spec]);
  if (purged === undefined) return;
  const { exitCode } = await rbd.remove(['rm', '--no-progress', spec], [NOT_FOUND, NOT_EMPTY]);
  if (exitCode === NOT_EMPTY) await rbd.run('rbd', ['trash', 'mv', spec]);
}
