// Owns finished builds on disk: `<workDir>/builds/<name>-<build id>/`, complete or absent. A build is known by
// the digest of its recipe and of the package versions in it, so clouds on one host share it.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  ensureDirectory,
  hasCode,
  readFileIfPresent,
  renameDurably,
  replaceFile,
  syncFile,
} from '@ironbark/platform/files.ts';
import type { BuildContext } from './build-context.ts';
import type { BuiltImage } from './built-image.ts';

const RECORD = 'built.json';
const BUILD_ID_DIGITS = 16;

export interface BuildKey {
  name: string;
  /** Hexadecimal; the same for the same recipe and packages. */
  buildId: string;
}

export function buildKey(name: string, recipe: string, packages: Record<string, string>): BuildKey {
  const text = JSON.stringify([recipe, Object.entries(packages).sort()]);
  return { name, buildId: sha256(text).slice(0, BUILD_ID_DIGITS) };
}

/** A digest of everything in a recipe's folders: code, scripts, tables. Tests do not count. */
export async function digestRecipe(folders: readonly string[]): Promise<string> {
  const digests: string[] = [];
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile() && !/\.test\.ts$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    for (const path of paths) {
      digests.push(`${relative(folder, path)} ${sha256(await readFile(path))}`);
    }
  }
  return sha256(digests.join('\n'));
}

export async function findFinishedBuild(
  workDir: string,
  key: BuildKey,
): Promise<BuiltImage | undefined> {
  const found = await findFinishedFolder<Pick<BuiltImage, 'manifest' | 'files'>>(workDir, key);
  if (found === undefined) return undefined;
  const { manifest, files } = found.record;
  return { buildId: key.buildId, manifest, files: inFolder(found.folder, files) };
}

/** The folder of a finished build, and what was recorded of it; nothing checks that it is a `Kept`. */
export async function findFinishedFolder<Kept>(
  workDir: string,
  key: BuildKey,
): Promise<{ folder: string; record: Kept } | undefined> {
  const folder = buildFolder(workDir, key);
  const record = await readFileIfPresent(join(folder, RECORD));
  return record === undefined ? undefined : { folder, record: JSON.parse(record.toString()) };
}

/** Lets `make` fill a folder and keeps it as the finished build; on an error nothing stays. */
export async function keepBuild(
  context: BuildContext,
  key: BuildKey,
  make: (folder: string) => Promise<Pick<BuiltImage, 'manifest' | 'files'>>,
): Promise<BuiltImage> {
  await keepFolder(context, key, make);
  return (await findFinishedBuild(context.workDir, key))!;
}

/** As `keepBuild`, for files that are no image; what `make` gives is recorded. */
export async function keepFolder<Kept extends { files: object }>(
  context: BuildContext,
  key: BuildKey,
  make: (folder: string) => Promise<Kept>,
): Promise<void> {
  const builds = join(context.workDir, 'builds');
  await ensureDirectory(builds, 0o755);
  const temporary = await mkdtemp(join(builds, `unfinished-${key.name}-`));
  try {
    const kept = await make(temporary);
    const names = Object.values(kept.files) as string[];
    for (const name of names) await syncFile(join(temporary, name));
    await replaceFile(join(temporary, RECORD), JSON.stringify(kept, undefined, 2));
    await moveIntoPlace(temporary, buildFolder(context.workDir, key));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Two builds of the same may race; both are complete, so the first to arrive stays. */
async function moveIntoPlace(temporary: string, folder: string): Promise<void> {
  try {
    await renameDurably(temporary, folder);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'EEXIST')) throw error;
  }
}

function buildFolder(workDir: string, key: BuildKey): string {
  return join(workDir, 'builds', `${key.name}-${key.buildId}`);
}

function inFolder(folder: string, files: BuiltImage['files']): BuiltImage['files'] {
  return {
    root: join(folder, files.root),
    ...(files.kernel === undefined ? {} : { kernel: join(folder, files.kernel) }),
    ...(files.initrd === undefined ? {} : { initrd: join(folder, files.initrd) }),
  };
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
