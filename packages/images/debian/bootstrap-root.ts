// Owns installing a Debian suite into a folder, with mmdebstrap.

import { writeUnsynced } from '@ironbark/platform/files.ts';
import type { BuildContext } from '../build/build-context.ts';
import { toolEnvironment } from '../build/ext4-image.ts';
import { type IndexTarget, renderSources } from './host-sources.ts';
import {
  DEBIAN_PACKAGES,
  type DebianSuite,
  ENABLED_UNITS,
  EXCLUDED_PATHS,
  INCLUDED_PATHS,
  MASKED_UNITS,
} from './recipe.ts';

export interface BootstrapInput {
  suite: DebianSuite;
  sources: readonly IndexTarget[];
  /** The folder to fill; absent before. */
  root: string;
}

/** Two minutes on a quiet machine; ten times that with a slow mirror on a busy one. */
const TIMEOUT_MS = 20 * 60_000;

export async function bootstrapRoot(context: BuildContext, input: BootstrapInput): Promise<void> {
  const sourcesPath = `${input.root}.list`;
  await writeUnsynced(sourcesPath, renderSources(input.sources));
  await context.commands.run('mmdebstrap', renderArguments(input, sourcesPath), {
    timeoutMs: TIMEOUT_MS,
    env: toolEnvironment(),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
}

function renderArguments(input: BootstrapInput, sourcesPath: string): string[] {
  return [
    '--quiet',
    '--mode=root',
    '--format=directory',
    '--variant=minbase',
    '--architectures=amd64',
    `--include=${DEBIAN_PACKAGES.join(',')}`,
    ...EXCLUDED_PATHS.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...INCLUDED_PATHS.map((path) => `--dpkgopt=path-include=${path}`),
    // Without the flag dpkg syncs after each of two hundred packages; the finished image is synced as a whole.
    '--dpkgopt=force-unsafe-io',
    `--customize-hook=chroot "$1" systemctl enable ${ENABLED_UNITS.join(' ')}`,
    `--customize-hook=chroot "$1" systemctl mask ${MASKED_UNITS.join(' ')}`,
    input.suite,
    input.root,
    sourcesPath,
  ];
}
