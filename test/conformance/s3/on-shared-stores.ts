// Owns running the conformance tests of S3 on shared stores: PostgreSQL, and a second Walrus as the engine.

import { basename, join } from 'node:path';
import { run } from 'node:test';
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
  const failed: string[] = [];
  let passed = 0;
  const events = run({
    files: files.map((file) => join(import.meta.dirname, file)),
    execArgv: ['--import', setup.href],
    concurrency: 2,
    timeout: TIMEOUT_MS,
  });
  for await (const { type, data } of events) {
    const isTest = type === 'test:pass' || type === 'test:fail';
    if (!isTest || data.skip !== undefined) continue;
    if (type === 'test:pass') passed += 1;
    else {
      const { error } = data.details;
      failed.push(`${basename(data.file ?? '')}: ${data.name}: ${error.cause ?? error.message}`);
    }
  }
  return { passed, failed };
}
