// Owns where a measurement on demand takes place: a session in an instance, over ssh as `ironbark ssh` reaches it, or on
// this host.

import type { InstanceId } from '@ironbark/core/ids.ts';
import { MeasureSession, SessionError } from '@ironbark/lab/measure/measure-session.ts';
import { quoted, renderSessionScript } from '@ironbark/lab/measure/session-script.ts';
import type { AttachedProcess } from '@ironbark/platform/commands.ts';
import type { CliContext } from './context.ts';
import type { AdminApi } from './daemon/admin-api.ts';
import { getDaemon } from './daemon/admin-client.ts';
import { openEc2 } from './ec2.ts';
import { findInstance } from './find-instance.ts';
import { Problem } from './problem.ts';
import { findSshTarget } from './ssh-target.ts';

export interface InstancePlace {
  kind: 'instance';
  id: InstanceId;
  daemon: AdminApi;
  sshArgs: readonly string[];
}

export type MeasurePlace = { kind: 'host' } | InstancePlace;

export interface OpenSession {
  session: MeasureSession;
  /** Of the folder that the session makes, and takes away. */
  name: string;
}

const NAME_BYTES = 8;
/** It asks for nothing, hands on nothing of this user's, and notices within half a minute that a guest is gone. */
const SSH_OPTIONS = [
  ...['-T', '-a', '-x', '-e', 'none', '-o', 'BatchMode=yes', '-o', 'ClearAllForwardings=yes'],
  ...['-o', 'PermitLocalCommand=no', '-o', 'ControlPath=none', '-o', 'ConnectTimeout=20'],
  ...['-o', 'ServerAliveInterval=10', '-o', 'ServerAliveCountMax=3'],
];

export async function findPlace(context: CliContext, target: string): Promise<MeasurePlace> {
  if (target === 'host') return { kind: 'host' };
  const daemon = await getDaemon(context.dataDir, context.self);
  const instance = await findInstance(await openEc2(context, daemon), target, context.self);
  const id = instance.InstanceId as InstanceId;
  const state = instance.State?.Name;
  if (state !== 'running') throw new Problem(`${id} is ${state}, so nothing can run in it`);
  const { config } = await daemon.status();
  if (config.hypervisor === 'simulated') {
    throw new Problem(`${id} is simulated: there is nothing to measure`);
  }
  const ssh = await findSshTarget(context, daemon, instance);
  if (ssh === undefined) {
    throw new Problem(`${id} has no address yet`, ['try again in a few seconds']);
  }
  return { kind: 'instance', id, daemon, sshArgs: ssh.args };
}

/** `path`: below it the folder is made, if it is a folder. */
export async function openMeasureSession(
  context: CliContext,
  place: MeasurePlace,
  path: string | undefined,
  signal: AbortSignal,
): Promise<OpenSession> {
  const { clock, random } = context;
  const word = random.bytes(NAME_BYTES).toString('hex');
  const [name, mark] = [
    `ironbark-lab-${word}`,
    `ironbark:${random.bytes(NAME_BYTES).toString('hex')}`,
  ];
  const script = renderSessionScript({ name, mark, ...(path === undefined ? {} : { path }) });
  const process = await startScript(context, place, script);
  try {
    return { session: await MeasureSession.open({ process, mark, clock, signal }), name };
  } catch (error) {
    signal.throwIfAborted();
    const where = place.kind === 'host' ? 'this host' : place.id;
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem(`nothing can be run on ${where}: ${why}`, adviceOf(context, place, error));
  }
}

function startScript(
  { commands, environment }: CliContext,
  place: MeasurePlace,
  script: string,
): Promise<AttachedProcess> {
  // Ctrl-C is for us; what we started ends when we say so.
  const options = { cwd: '/', env: environment, detached: true };
  if (place.kind === 'host') return commands.startAttached('sh', ['-c', script], options);
  const remote = `exec sh -c ${quoted(script)}`;
  return commands.startAttached('ssh', [...SSH_OPTIONS, ...place.sshArgs, remote], options);
}

function adviceOf({ self }: CliContext, place: MeasurePlace, error: unknown): string[] {
  if (place.kind === 'host' || !(error instanceof SessionError)) return [];
  return [`a shell in it, to see why: ${self} ssh ${place.id}`];
}
