// Owns how the command line brings up the daemon and waits until it is ready.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfPresent } from '@ironbark/platform/files.ts';
import { findProcess } from '@ironbark/platform/processes.ts';
import type { CliContext } from '../context.ts';
import { Problem } from '../problem.ts';
import type { AdminApi } from './admin-api.ts';
import { findDaemon } from './admin-client.ts';
import { dataPaths, FOLDER_TAKEN } from './paths.ts';

/**
 * A start is a second or two; adopting a full node of guests and proving the accelerator take a few more. A host that
 * is emulated itself, and has never read the program before, takes a minute and more.
 */
const READY_TIMEOUT_MS = 180_000;
const POLL_MS = 50;
const LOG_LINES_SHOWN = 8;

/** `serve` runs on; `halt` stops what an earlier daemon left and ends. */
export type DaemonMode = 'serve' | 'halt';

export async function startDaemon(
  context: CliContext,
  mode: DaemonMode = 'serve',
): Promise<AdminApi | undefined> {
  const paths = dataPaths(context.dataDir);
  const output = await open(join(paths.run, 'daemon.out'), 'w', 0o600);
  const script = join(context.projectDir, 'packages/cli/daemon/main.ts');
  try {
    const args = [
      '--disable-warning=ExperimentalWarning',
      script,
      context.dataDir,
      context.version,
      mode,
    ];
    const { pid } = await context.commands.startDetached(process.execPath, args, {
      cwd: '/',
      stdio: ['ignore', output.fd, output.fd],
    });
    return await untilReady(context, pid, mode);
  } finally {
    await output.close();
  }
}

async function untilReady(
  context: CliContext,
  pid: number,
  mode: DaemonMode,
): Promise<AdminApi | undefined> {
  const deadline = context.clock.monotonicMs() + READY_TIMEOUT_MS;
  while (context.clock.monotonicMs() < deadline) {
    const daemon = await findDaemon(context.dataDir);
    if (daemon !== undefined && mode === 'serve') return daemon;
    if ((await findProcess(pid)) === undefined) {
      if (mode === 'halt') return await requireHalted(context);
      // Somebody else started it at the same moment and was faster: theirs is waited for.
      const isTaken = (await readOutput(context)).includes(FOLDER_TAKEN);
      if (isTaken) {
        await context.clock.sleep(POLL_MS);
        continue;
      }
      throw new Problem('the cloud did not start', await explain(context));
    }
    await context.clock.sleep(POLL_MS);
  }
  throw new Problem(
    `the cloud is not ready after ${READY_TIMEOUT_MS / 1000} s`,
    await explain(context),
  );
}

/** A run that stopped everything has removed the pid file; whoever goes on would remove running guests' disks. */
async function requireHalted(context: CliContext): Promise<undefined> {
  if ((await readFileIfPresent(dataPaths(context.dataDir).pidFile)) === undefined) return undefined;
  throw new Problem('what the last run left was not stopped', await explain(context));
}

async function readOutput(context: CliContext): Promise<string> {
  const path = join(dataPaths(context.dataDir).run, 'daemon.out');
  return (await readFileIfPresent(path))?.toString('utf8') ?? '';
}

async function explain(context: CliContext): Promise<string[]> {
  const paths = dataPaths(context.dataDir);
  const output = await readOutput(context);
  const tail = output.trim().split('\n').slice(-LOG_LINES_SHOWN);
  return [...tail.filter((line) => line !== ''), `the log: ${paths.log}`];
}
