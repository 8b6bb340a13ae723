// Owns a guest that a test logs in to by itself, without the daemon: it may be dead at that moment. A login takes an
// emulated guest a second and more of both processors, so the commands of one test share one.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import type { CloudUnderTest } from './cloud-under-test.ts';
import type { Shell } from './guests.ts';

/** One processor: two that wait for each other cost an emulated guest a third more. */
const TYPE = 't2.nano';
/** Key exchange takes about a second under emulation, longer beside other work. */
const SSH_TIMEOUT_MS = 60_000;
/** ssh's own exit code, whatever the command's would have been. */
const SSH_FAILED = 255;
/** What is shared ends by itself soon after the last command, so nothing of it outlives a test for long. */
const SHARED_FOR_S = 10;
/**
 * A guest that was started again does not know the connection, and says so to the first question. One that hangs is
 * given as long as a command.
 */
const ALIVE = ['ServerAliveInterval=2', 'ServerAliveCountMax=30'];

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
    TYPE,
    ...(image === undefined ? [] : ['--image', image]),
  );
  return logInTo(cloud, { id: launched.instanceId, host: launched.privateIp });
}

export interface Login {
  id: `i-${string}`;
  host: string;
  keyName?: string;
  /** The network name space that its node is in; absent: the test's own. */
  space?: string;
}

/** A guest of the micro image; the key is in the folder where `ironbark ssh` looks for it. */
export function logInTo(
  cloud: CloudUnderTest,
  { id, host, keyName = 'ironbark', space }: Login,
): DirectGuest {
  const keys = join(cloud.dataDir, 'keys');
  const options = [
    ...['IdentitiesOnly=yes', 'BatchMode=yes', 'ConnectTimeout=3', 'LogLevel=INFO'],
    ...['StrictHostKeyChecking=accept-new', `HostKeyAlias=${id}`],
    `UserKnownHostsFile=${join(keys, 'known_hosts')}`,
    ...['ControlMaster=auto', `ControlPath=${sharedLogin(id)}`, `ControlPersist=${SHARED_FOR_S}`],
    ...ALIVE,
  ].flatMap((option) => ['-o', option]);
  const login = ['-i', join(keys, keyName), ...options, `root@${host}`];
  const [file, ...before] = space === undefined ? ['ssh'] : ['ip', 'netns', 'exec', space, 'ssh'];
  const runOnce = (command: string) =>
    systemCommands.run(file!, [...before, ...login, command], { timeoutMs: SSH_TIMEOUT_MS });
  const run = async (command: string) => {
    const { stdout } = await runOnce(command).catch((error: unknown) => {
      if (!wasRefusedBySharedLogin(error)) throw error;
      return runOnce(command);
    });
    return stdout.trim();
  };
  const start = async (command: string) => {
    await run(`setsid sh -c '${command}' > /dev/null 2>&1 < /dev/null &`);
  };
  return { id, run, start };
}

/** Whoever asks a shared login in the moment in which its time is over is told so by nothing but ssh's own code. */
function wasRefusedBySharedLogin(error: unknown): boolean {
  return error instanceof CommandError && error.exitCode === SSH_FAILED && error.stderr === '';
}

/** Not in the cloud's folder, of which nothing may be left while this is still there. */
function sharedLogin(id: string): string {
  return join(tmpdir(), `ironbark-login-${process.pid}-${id}`);
}

/** The shell of an instance that was launched in another way, by its address as the API tells it. */
export function shellOf(
  cloud: () => CloudUnderTest,
  { id, keyName }: { id: () => string; keyName: string },
): Shell {
  return async (command) => {
    const InstanceIds = [id()];
    const { Reservations } = await cloud().ec2().call('DescribeInstances', { InstanceIds });
    const host = Reservations![0]!.Instances![0]!.PrivateIpAddress!;
    return await logInTo(cloud(), { id: InstanceIds[0] as `i-${string}`, host, keyName }).run(
      command,
    );
  };
}
