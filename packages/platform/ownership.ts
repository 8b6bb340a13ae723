// Owns how root gives what is its own to another user without being led astray: no link is followed, and nothing is
// given in a folder that somebody else can write.

import { lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';

const WRITABLE_BY_OTHERS = 0o022;

/**
 * Gives away a folder of root's with all of root's in it, from the leaves up: while it lasts, nobody but root can
 * write there, and one that was cut short goes on where it was. What is another user's already stays that user's.
 */
export async function giveFolder(path: string, owner: { uid: number; gid: number }): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    if ((await lstat(inside)).uid !== 0) continue;
    if (entry.isDirectory()) await giveFolder(inside, owner);
    else await lchown(inside, owner.uid, owner.gid);
  }
  await lchown(path, owner.uid, owner.gid);
}

/** Throws unless only root can change what lies in the folder. */
export async function requireRootOnly(path: string): Promise<void> {
  const facts = await lstat(path);
  if (facts.isDirectory() && facts.uid === 0 && (facts.mode & WRITABLE_BY_OTHERS) === 0) return;
  throw new ServiceError({
    kind: 'operation-not-permitted',
    resource: 'host',
    message: `${path} has to be a folder that only root can write: chown root ${path}; chmod go-w ${path}`,
  });
}
