// Owns running the conformance tests of S3 on shared stores: PostgreSQL, and a second Walrus as the engine.

import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { SharedStores } from '../../support/shared-stores.ts';

const SETUP = new URL('../../support/with-shared-stores.ts', import.meta.url);
const TIMEOUT_MS = 600_000;

export interface SharedRun {
  passed: number;
  /** With what went wrong. */
  failed: readonly string[];
}

/** `isCeph`: the engine is Ceph's S3, and not a second Walrus. */
export async function runOnSharedStores(
  files: readonly string[],
  { isCeph = false } = {},
): Promise<SharedRun> {
  await using stores = await SharedStores.start({ isCeph });
  const setup = new URL(SETUP);
  setup.searchParams.set('postgres', stores.postgres.url);
  setup.searchParams.set('engine', JSON.stringify(stores.engine));
  // A process of tests starts no other as its own, so this one is to think that nobody started it.
  const env = { PATH: process.env['PATH'] ?? '' };
  const args = ['--import', setup.href, '--test', '--test-concurrency=2', '--test-reporter=tap'];
  const paths = files.map((file) => join(import.meta.dirname, file));
  const { stdout } = await systemCommands.run(process.execPath, [...args, ...paths], {
    ...{ env, timeoutMs: TIMEOUT_MS, allowExitCodes: [0, 1] },
  });
  return readTap(stdout);
}

/** Of the tests that are not inside another. */
function readTap(text: string): SharedRun {
  const failed: string[] = [];
  let passed = 0;
  for (const result of text.split(/^(?=(?:not )?ok \d)/m)) {
    const [, not, name] = /^(not )?ok \d+ - (.*)/.exec(result) ?? [];
    if (name === undefined || name.includes('# SKIP')) continue;
    if (not === undefined) passed += 1;
    else failed.push(`${name}: ${/^ +error: (.*(?:\n {4}.*)?)/m.exec(result)?.[1] ?? ''}`);
  }
  return { passed, failed };
}
