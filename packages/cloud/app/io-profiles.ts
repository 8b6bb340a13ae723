// Owns how a user asks for an I/O profile: a tag, refused where it would have no effect.

import { isResourceId } from '@ironbark/core/ids.ts';
import {
  DIRECT,
  type DiskProfile,
  diskProfileNames,
  findDiskProfile,
  IO_PROFILE_TAG,
  whyKnownBad,
  whyNotToBeHad,
} from '@ironbark/core/io-profile.ts';
import { findInstance } from '../store/instances.ts';
import type { Queries } from '../store/store.ts';
import { invalidValue, notOffered } from './refusals.ts';

interface ProfileTag {
  key: string;
  value: string;
}

/** Throws for a profile that nobody knows, that is known to be bad, or that this kind of resource cannot have. */
export function checkIoProfile(resourceType: string, tags: readonly ProfileTag[]): void {
  // Of what has no disk it is a word as any other: a snapshot may carry its volume's tags.
  if (resourceType !== 'instance' && resourceType !== 'volume') return;
  const name = tags.find(({ key }) => key === IO_PROFILE_TAG)?.value;
  if (name === undefined) return;
  const why = whyKnownBad(name);
  if (why !== undefined) throw notOffered(`The I/O profile ${name}`, `${why} The lab measures it.`);
  const whyNot = whyNotToBeHad(name);
  if (whyNot !== undefined) throw notOffered(`The I/O profile ${name}`, whyNot);
  if (findDiskProfile(name) === undefined) {
    const expected = `I/O profiles are ${diskProfileNames().join(', ')}.`;
    throw invalidValue(IO_PROFILE_TAG, name, expected);
  }
  if (resourceType === 'volume' && name !== DIRECT.name) {
    const instead = `Its target opens it past the host's page cache: ${DIRECT.name}.`;
    throw notOffered(`The I/O profile ${name} for a volume`, instead);
  }
}

/** A root disk that is a volume is opened as every volume is. */
export async function checkRootProfile(
  tx: Queries,
  resourceId: string,
  tags: readonly ProfileTag[],
): Promise<void> {
  const name = tags.find(({ key }) => key === IO_PROFILE_TAG)?.value;
  if (name === undefined || name === DIRECT.name || !isResourceId('i', resourceId)) return;
  const instance = await findInstance(tx, resourceId);
  if (instance?.rootDeviceType !== 'ebs') return;
  const instead = `Its target opens it past the host's page cache: ${DIRECT.name}.`;
  throw notOffered(`The I/O profile ${name} for a root disk that is a volume`, instead);
}

/** A tag that an earlier version took, and this one does not know, is the default. */
export function rootDiskProfile(tags: readonly ProfileTag[]): DiskProfile {
  const name = tags.find(({ key }) => key === IO_PROFILE_TAG)?.value;
  return (name === undefined ? undefined : findDiskProfile(name)) ?? DIRECT;
}
