// Owns a guest that a test logs in to by itself, without the daemon: it may be dead at that moment.

import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { CloudUnderTest } from './cloud-under-test.ts';

/** Key exchange takes about a second under emulation, longer beside other work. */
const SSH_TIMEOUT_MS = 60_000;

export interface DirectGuest {
  id: `i-${string}`;
  /** Runs a shell command inside; its standard output, trimmed. */
  run(command: string): Promise<string>;
  /** Starts a shell command that goes on after the login has ended. */
  start(command: string): Promise<void>;
}

/** From the first image unless another one is named. */
export async function launchDirectGuest(
  cloud: CloudUnderTest,
  { image }: { image?: string } = {},
): Promise<DirectGuest> {
  const launched = await cloud.json<{ instanceId: `i-${string}`; privateIp: string }>(
    'launch',
    '--type',
    't3.nano',
    ...(image === undefined ? [] : ['--image', image]),
  );
  const keys = join(cloud.dataDir, 'keys');
  const options = [
    ...['IdentitiesOnly=yes', 'BatchMode=yes', 'ConnectTimeout=3', 'LogLevel=ERROR'],
    ...['StrictHostKeyChecking=accept-new', `HostKeyAlias=${launched.instanceId}`],
    `UserKnownHostsFile=${join(keys, 'known_hosts')}`,
  ].flatMap((option) => ['-o', option]);
  const login = ['-i', join(keys, 'ironbark'), ...options, `root@${launched.privateIp}`];
  const run = async (command: string) => {
    const { stdout } = await systemCommands.run('ssh', [...login, command], {
      timeoutMs: SSH_TIMEOUT_MS,
    });
    return stdout.trim();
  };
  const start = async (command: string) => {
    await run(`setsid sh -c '${command}' > /dev/null 2>&1 < /dev/null &`);
  };
  return { id: launched.instanceId, run, start };
}
