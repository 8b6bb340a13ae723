// Owns fetching Debian packages through the host's own apt, which knows the mirrors and checks signatures.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import {
  ensureDirectory,
  hasCode,
  readFileIfPresent,
  writeUnsynced,
} from '@ironbark/platform/files.ts';
import type { BuildContext } from './build-context.ts';
import {
  type DebianPackage,
  type LookUpPackages,
  MissingPackagesError,
  parsePackageRecords,
  resolvePackages,
} from './debian-packages.ts';

/** A mirror that gives 100 KB/s delivers the largest set of packages in this time. */
const DOWNLOAD_TIMEOUT_MS = 15 * 60_000;
/** apt-cache answers 100 when some of the names are unknown; what it knows is printed all the same. */
const SOME_UNKNOWN = 100;

export interface PackageSelection {
  roots: readonly string[];
  skip: (name: string) => boolean;
}

/** The packages and versions that apt would give now, without fetching them. */
export async function choosePackages(
  context: BuildContext,
  selection: PackageSelection,
): Promise<DebianPackage[]> {
  const lastTime = join(context.workDir, `chosen-${digestOfText(selection.roots.join(' '))}`);
  try {
    const lookUp = createLookUp(context, await readNames(lastTime));
    const chosen = await resolvePackages({ ...selection, lookUp });
    await ensureDirectory(context.workDir, 0o755);
    const names = chosen.map(({ name }) => name).join('\n');
    await writeUnsynced(lastTime, names, { mode: 0o644 });
    return chosen;
  } catch (error) {
    if (!(error instanceof MissingPackagesError)) throw error;
    throw new ServiceError({
      kind: 'unavailable',
      resource: 'host',
      message:
        `This host's apt does not offer ${error.packages.join(', ')}. Images are made from Debian's ` +
        'packages: run `apt-get update`, and check that apt has a Debian archive configured.',
      cause: error,
    });
  }
}

/**
 * Dependencies are followed a level at a time, and apt reads all that it knows at each start, which takes it a second
 * on many hosts: with the first level the names are asked for that it came to last time.
 */
function createLookUp(context: BuildContext, lastTime: readonly string[]): LookUpPackages {
  const asked = new Set<string>();
  const known = new Map<string, DebianPackage>();
  return async (names) => {
    const unasked = names.filter((name) => !asked.has(name));
    if (unasked.length > 0) {
      const all = new Set(asked.size === 0 ? [...unasked, ...lastTime] : unasked);
      for (const found of await askApt(context, [...all])) known.set(found.name, found);
      for (const name of all) asked.add(name);
    }
    return names.flatMap((name) => known.get(name) ?? []);
  };
}

/** None when there was no last time; a file that was cut short costs one more look-up. */
async function readNames(path: string): Promise<string[]> {
  const text = (await readFileIfPresent(path))?.toString('utf8') ?? '';
  return text.split('\n').filter((name) => name !== '');
}

function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

async function askApt(context: BuildContext, names: readonly string[]): Promise<DebianPackage[]> {
  const { stdout } = await context.commands.run(
    'apt-cache',
    ['show', '--no-all-versions', '--', ...names],
    { allowExitCodes: [0, SOME_UNKNOWN], ...signalOf(context) },
  );
  return parsePackageRecords(stdout);
}

/** Paths of the packages' files by name, each verified; what was fetched before is not fetched again. */
export async function fetchPackages(
  context: BuildContext,
  packages: readonly DebianPackage[],
): Promise<Map<string, string>> {
  const store = join(context.workDir, 'packages');
  await ensureDirectory(store, 0o755);
  const paths = new Map(packages.map((wanted) => [wanted.name, join(store, fileName(wanted))]));
  const missing: DebianPackage[] = [];
  for (const wanted of packages) {
    if (!(await isIntact(paths.get(wanted.name)!, wanted))) missing.push(wanted);
  }
  if (missing.length > 0) await download(context, store, missing);
  for (const wanted of missing) await requireIntact(paths.get(wanted.name)!, wanted);
  return paths;
}

async function download(
  context: BuildContext,
  store: string,
  packages: readonly DebianPackage[],
): Promise<void> {
  const folder = await mkdtemp(join(store, 'download-'));
  try {
    const names = packages.map((wanted) => `${wanted.name}=${wanted.version}`);
    await context.commands.run('apt-get', ['download', '--quiet', '--', ...names], {
      cwd: folder,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      ...signalOf(context),
    });
    for (const name of await readdir(folder)) await rename(join(folder, name), join(store, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function requireIntact(path: string, wanted: DebianPackage): Promise<void> {
  if (await isIntact(path, wanted)) return;
  throw new ServiceError({
    kind: 'digest-mismatch',
    resource: 'host',
    message: `apt did not deliver ${wanted.name} ${wanted.version} as its index describes it; try again.`,
  });
}

async function isIntact(path: string, wanted: DebianPackage): Promise<boolean> {
  const digest = createHash('sha256');
  try {
    await pipeline(createReadStream(path), digest);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  return digest.digest('hex') === wanted.sha256;
}

/** How apt names the file of a package. */
function fileName(wanted: DebianPackage): string {
  return `${wanted.name}_${wanted.version.replaceAll(':', '%3a')}_${wanted.architecture}.deb`;
}

function signalOf(context: BuildContext): { signal?: AbortSignal } {
  return context.signal === undefined ? {} : { signal: context.signal };
}
