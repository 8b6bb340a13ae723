// Owns a Walrus in a process of its own, for whoever kills it, measures it or must not share its thread.

import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';

const SCRIPT = join(import.meta.dirname, '../faults/objects-server.ts');
const START_TIMEOUT_MS = 20_000;

export interface ObjectsProcess extends AsyncDisposable {
  url: string;
  pid: number;
  kill(): void;
}

export interface ObjectsProcessOptions {
  /** What a file of the log grows to; the product's own size when absent. */
  logFileBytes?: number;
  /** Makes it a gateway: what it shares with others, the database by its URL. */
  shared?: { postgres: string; engine: SharedSettings['engine'] };
}

export async function startObjectsProcess(
  dataDir: string,
  { logFileBytes, shared }: ObjectsProcessOptions = {},
): Promise<ObjectsProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-objects-'));
  const output = join(folder, 'output');
  const handle = await open(output, 'w');
  const size = logFileBytes === undefined ? [] : [String(logFileBytes)];
  const more = shared === undefined ? size : [shared.postgres, JSON.stringify(shared.engine)];
  const { pid } = await systemCommands.startDetached(process.execPath, [SCRIPT, dataDir, ...more], {
    stdio: ['ignore', handle.fd, handle.fd],
  });
  await handle.close();
  const kill = () => killIfThere(pid);
  try {
    const url = await waitFor(async () => /^http\S+/.exec(await readFile(output, 'utf8'))?.[0], {
      ...{ clock: systemClock, timeoutMs: START_TIMEOUT_MS, intervalMs: 5, what: 'Walrus' },
    });
    return { url, pid, kill, [Symbol.asyncDispose]: async () => kill() };
  } catch (error) {
    kill();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
