// Owns `--profile` of the lab: one of its own by name, or a file.

import { basename } from 'node:path';
import {
  isProfileName,
  type LabProfile,
  namedProfile,
  PROFILE_NAMES,
} from '@ironbark/lab/profiles/lab-profile.ts';
import {
  MAX_PROFILE_BYTES,
  ProfileError,
  parseProfile,
} from '@ironbark/lab/profiles/parse-profile.ts';
import { readFileIfPresent, statIfPresent } from '@ironbark/platform/files.ts';
import { Problem } from './problem.ts';

const ADVICE = [
  `by name: ${PROFILE_NAMES.join(', ')}`,
  'or a JSON file: {"disk": {"readBytesPerSecond": 50e6, "writeBytesPerSecond": 40e6}, "wire": {"bitsPerSecond": 1e9, "mtu": 9000}}',
];

export async function readProfile(profile: string): Promise<LabProfile> {
  if (isProfileName(profile)) return namedProfile(profile);
  const facts = await statIfPresent(profile);
  if (facts === undefined) throw new Problem(`there is no profile and no file ${profile}`, ADVICE);
  if (!facts.isFile()) throw new Problem(`${profile} is no file`, ADVICE);
  if (facts.size > MAX_PROFILE_BYTES) {
    throw new Problem(`${profile} is larger than any profile: ${facts.size} bytes`, ADVICE);
  }
  const bytes = await readFileIfPresent(profile);
  try {
    return parseProfile((bytes ?? Buffer.alloc(0)).toString(), nameOf(profile));
  } catch (error) {
    if (error instanceof ProfileError) throw new Problem(`${profile}: ${error.message}`, ADVICE);
    throw error;
  }
}

/** A file that names itself nothing is known by its own name, as far as a name may look like it. */
function nameOf(path: string): string {
  const plain = basename(path)
    .replace(/\.json$/i, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+/g, '')
    .slice(0, 32);
  return plain === '' ? 'file' : plain;
}
