// Owns the jars of Hadoop that TestDFSIO needs, for benchmarks: Maven's own client brings them into the cache folder. The
// product has none of them: who measures with Hadoop has a Hadoop.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { ensureDirectory, listIfPresent } from '@ironbark/platform/files.ts';
import { CACHE_FOLDER } from '../cache-folder.ts';

/** As in pom.xml, which lies beside this. */
const VERSION = '3.4.1';
const COUNT = 6;
const PLACE = join(CACHE_FOLDER, 'suites', `hadoop-${VERSION}`);
const POM = join(import.meta.dirname, 'pom.xml');
/** 50 MiB. */
const TIMEOUT_MS = 480_000;

/** The folder, or why there is none. */
export async function fetchHadoopJars(): Promise<string | { missing: string }> {
  try {
    if ((await listJars()).length === COUNT) return PLACE;
    await ensureDirectory(PLACE);
    const goal = ['dependency:copy-dependencies', '-DexcludeTransitive=true'];
    const where = [`-DoutputDirectory=${PLACE}`, '--file', POM];
    const options = { timeoutMs: TIMEOUT_MS, cwd: PLACE };
    await systemCommands.run('mvn', ['--quiet', '--batch-mode', ...goal, ...where], options);
    const jars = await readdir(PLACE);
    return jars.length === COUNT ? PLACE : { missing: `Maven brought ${jars.join(', ')}` };
  } catch (error) {
    return { missing: String(error).split('\n')[0]! };
  }
}

async function listJars(): Promise<string[]> {
  return (await listIfPresent(PLACE)).filter((name) => name.endsWith('.jar'));
}
