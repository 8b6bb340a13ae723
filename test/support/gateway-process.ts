// Owns a gateway that was started by its command, for whoever kills it or looks at its process.

import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProcess } from '@ironbark/platform/processes.ts';
import { projectDir } from './cloud-under-test.ts';

const START_TIMEOUT_MS = 60_000;
const END_TIMEOUT_MS = 20_000;

export interface GatewayProcess extends AsyncDisposable {
  url: string;
  pid: number;
  /** Sends it a signal and resolves once it has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** `file`: as `ironbark gateways invite` has written it. */
export async function startGatewayProcess(file: string): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-gateway-'));
  const output = join(folder, 'output');
  const handle = await open(output, 'w');
  const args = ['gateway', file, '--port', '0', '--json'];
  const { pid } = await systemCommands.startDetached(join(projectDir, 'ironbark'), args, {
    stdio: ['ignore', handle.fd, handle.fd],
  });
  await handle.close();
  const isGone = async () => (await findProcess(pid)) === undefined;
  const end = async (signal: NodeJS.Signals) => {
    if (await isGone()) return;
    process.kill(pid, signal);
    await waitFor(isGone, { clock: systemClock, timeoutMs: END_TIMEOUT_MS, what: 'its end' });
  };
  const findUrl = async () => {
    const text = await readFile(output, 'utf8');
    const url = /"endpoint": "(http[^"]+)"/.exec(text)?.[1];
    if (url === undefined && (await isGone())) throw new Error(`no gateway: ${text}`);
    return url;
  };
  try {
    const patience = { clock: systemClock, timeoutMs: START_TIMEOUT_MS, intervalMs: 20 };
    const url = await waitFor(findUrl, { ...patience, what: 'the gateway' });
    return { url, pid, end, [Symbol.asyncDispose]: () => end('SIGKILL') };
  } catch (error) {
    await end('SIGKILL');
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
