// Owns the double of a disk that is nearly full: what it says is free is what a test wants it to say.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { TestContext } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';

/** So large that the reserve is what it is on most disks. */
const DISK_MIB = 1_024 * 1_024;

/** Until the test ends, each look at the free space gets what `freeMib` answers. */
export function pretendFree(t: TestContext, freeMib: () => number): void {
  const rest = { type: 0, bfree: 0, files: 0, ffree: 0, frsize: MIB };
  const statfs = () => ({ ...rest, bavail: freeMib(), blocks: DISK_MIB, bsize: MIB });
  const { mock } = t.mock.method(fs, 'statfsSync', statfs);
  syncBuiltinESMExports();
  t.after(() => {
    mock.restore();
    syncBuiltinESMExports();
  });
}
