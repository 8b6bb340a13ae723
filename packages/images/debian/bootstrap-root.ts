// Owns installing a Debian suite into a folder, with mmdebstrap.

import { writeUnsynced } from '@ironbark/platform/files.ts';
import type { BuildContext } from '../build/build-context.ts';
import { toolEnvironment } from '../build/ext4-image.ts';
import { type IndexTarget, renderSources } from './host-sources.ts';
import { type DebianSuite, EXCLUDED_PATHS, INCLUDED_PATHS } from './recipe.ts';

export interface BootstrapInput {
  suite: DebianSuite;
  sources: readonly IndexTarget[];
  /** The folder to fill; absent before. */
  root: string;
  /** Beside what `minbase` has. */
  packages: readonly string[];
  /** Shell commands that are run last, with the folder as `$1`. */
  hooks?: readonly string[];
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
    `--include=${input.packages.join(',')}`,
    ...EXCLUDED_PATHS.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...INCLUDED_PATHS.map((path) => `--dpkgopt=path-include=${path}`),
    // Without the flag dpkg syncs after each of two hundred packages; the finished image is synced as a whole.
    '--dpkgopt=force-unsafe-io',
    ...(input.hooks ?? []).map((hook) => `--customize-hook=${hook}`),
    input.suite,
    input.root,
    sourcesPath,
  ];
}
