// Owns what tests of images need from the host; without it they are skipped and say so.

import { systemCommands } from '@ironbark/platform/commands.ts';

const VERSION_FLAGS: Record<string, readonly string[]> = {
  ssh: ['-V'],
  'ssh-keygen': ['-?'],
  'dpkg-deb': ['--version'],
  mke2fs: ['-V'],
};

/** A sentence when one of these programs is absent; false when all are there, as `node:test` wants it. */
export async function missingPrograms(programs: readonly string[]): Promise<string | false> {
  const missing: string[] = [];
  for (const program of programs) {
    const flags = VERSION_FLAGS[program] ?? ['--version'];
    const isThere = await systemCommands
      .run(program, flags, { allowExitCodes: [0, 1, 255] })
      .then(() => true)
      .catch(() => false);
    if (!isThere) missing.push(program);
  }
  return missing.length === 0 ? false : `NOT TESTED: this host has no ${missing.join(', ')}`;
}
