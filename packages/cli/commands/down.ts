// Owns `ironbark down`: guests stop, services stop, and nothing of the cloud is left outside its folder.

import { waitFor } from '@ironbark/platform/clock.ts';
import { readFileIfPresent } from '@ironbark/platform/files.ts';
import { readProcess } from '@ironbark/platform/processes.ts';
import { findConfig } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import { findDaemon } from '../daemon/admin-client.ts';
import { dataPaths } from '../daemon/paths.ts';
import { startDaemon } from '../daemon/start-daemon.ts';

export interface DownOptions {
  keepGuests: boolean;
}

const EXIT_TIMEOUT_MS = 30_000;

export async function bringDown(context: CliContext, options: DownOptions): Promise<void> {
  const done = await stopCloud(context, options);
  context.terminal.result({ stopped: done }, () => describe(context, done, options));
}

/** False when there was nothing to stop. */
export async function stopCloud(context: CliContext, options: DownOptions): Promise<boolean> {
  const { terminal, dataDir } = context;
  const daemon = await findDaemon(dataDir);
  if (daemon === undefined) return await stopLeftovers(context, options);
  const { node, pid } = await daemon.status();
  const running = node.instances.filter((instance) => instance.power === 'running').length;
  const title =
    options.keepGuests || running === 0
      ? 'Stopping the services'
      : `Stopping ${running} running instances and the services`;
  await terminal.step(title, async () => {
    await daemon.halt(options);
    await waitFor(async () => (await readProcess(pid)) === undefined, {
      clock: context.clock,
      timeoutMs: EXIT_TIMEOUT_MS,
      what: 'the daemon’s end',
    });
  });
  return true;
}

/** A daemon that was killed leaves its guests running; they are stopped all the same. */
async function stopLeftovers(context: CliContext, options: DownOptions): Promise<boolean> {
  const config = await findConfig(context.dataDir);
  const pidFile = await readFileIfPresent(dataPaths(context.dataDir).pidFile);
  if (config === undefined || pidFile === undefined || options.keepGuests) return false;
  await context.terminal.step('Stopping what the last run left', async () => {
    await startDaemon(context, 'halt');
  });
  return true;
}

function describe(context: CliContext, done: boolean, options: DownOptions): string {
  if (!done) return `nothing was running from ${context.dataDir}`;
  const guests = options.keepGuests
    ? 'Guests run on; up takes them over again.'
    : 'Guests are stopped; up starts them again.';
  return `Stopped. ${guests} Data stays in ${context.dataDir}`;
}
