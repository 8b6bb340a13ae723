// Owns `ironbark launch`: key pair, instance, wait, and the ssh line, in one word.

import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { TimeoutError, waitFor } from '@ironbark/platform/clock.ts';
import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { CliContext } from '../context.ts';
import type { AdminApi } from '../daemon/admin-api.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { openEc2 } from '../ec2.ts';
import { type DescribedInstance, findInstance } from '../find-instance.ts';
import { DEFAULT_KEY_NAME, ensureKeyPair } from '../key-pair.ts';
import { Problem } from '../problem.ts';
import { quoteForShell } from '../quote-for-shell.ts';
import { findNodeElsewhere, findSshTarget, type SshTarget } from '../ssh-target.ts';
import type { StepProgress } from '../terminal.ts';

export interface LaunchOptions {
  name?: string;
  /** An image's name or id. */
  image: string;
  type: string;
  userData?: string;
  /** Return as soon as the request is accepted. */
  wait: boolean;
}

/** Debian with cloud-init takes about 75 s emulated; a busy machine twice that. */
const RUNNING_TIMEOUT_MS = 120_000;
const SSH_TIMEOUT_MS = 300_000;
const POLL_MS = 200;
const CONNECT_TIMEOUT_MS = 2_000;

export async function launch(context: CliContext, options: LaunchOptions): Promise<void> {
  const { terminal } = context;
  const userData = options.userData === undefined ? undefined : await readFile(options.userData);
  const daemon = await getDaemon(context.dataDir, context.self);
  const ec2 = await openEc2(context, daemon);
  const imageId = await findImage(context, ec2, options.image);
  await terminal.step('Key pair', async () => await ensureKeyPair(context, ec2));
  const id = await terminal.step(
    `Launching ${options.type} from ${options.image}`,
    async () => await runInstance(ec2, imageId, options, userData),
  );
  if (!options.wait) {
    terminal.result({ instanceId: id }, () => `${id} is pending: ${context.self} ssh ${id}`);
    return;
  }
  const { config } = await daemon.status();
  const instance = await terminal.step(
    `${id} starts`,
    async (progress) => await untilRunning(context, ec2, id, progress),
  );
  if (config.hypervisor === 'simulated') {
    const result = { instanceId: id, privateIp: instance.PrivateIpAddress };
    terminal.result(result, () => `${id} is running, simulated: there is nothing to log in to`);
    return;
  }
  const node = await findNodeElsewhere(daemon, instance);
  if (node !== undefined) {
    const result = { instanceId: id, privateIp: instance.PrivateIpAddress, node };
    terminal.result(result, () => `${id} is running on the node ${node}`);
    return;
  }
  const ssh = await terminal.step(
    'Waiting for ssh',
    async () => await untilReachable(context, daemon, instance),
  );
  const line = `ssh ${ssh.args.map(quoteForShell).join(' ')}`;
  terminal.result({ instanceId: id, privateIp: instance.PrivateIpAddress, ssh: line }, () =>
    [`${id} is running`, `  ${context.self} ssh ${options.name ?? id}`, `  ${line}`].join('\n'),
  );
}

async function findImage(context: CliContext, ec2: Ec2Client, image: string): Promise<string> {
  const { Images } = await ec2.call('DescribeImages', {});
  const found = (Images ?? [])
    .filter((candidate) => isCalled(candidate, image))
    .sort((a, b) => (b.CreationDate ?? '').localeCompare(a.CreationDate ?? ''))[0];
  if (found?.ImageId !== undefined) return found.ImageId;
  throw new Problem(`there is no image ${image}`, [
    `those there are: ${(Images ?? []).map((known) => known.Name).join(', ') || 'none'}`,
    `build one: ${context.self} image build micro, or debian-12`,
  ]);
}

/** By id, by name, or by the part of a built image's name before its build. */
function isCalled(
  image: { ImageId?: string | undefined; Name?: string | undefined },
  wanted: string,
): boolean {
  if (image.ImageId === wanted || image.Name === wanted) return true;
  return image.Name?.match(/^(.+)-[0-9a-f]{16}$/)?.[1] === wanted;
}

async function runInstance(
  ec2: Ec2Client,
  imageId: string,
  options: LaunchOptions,
  userData: Buffer | undefined,
): Promise<string> {
  const answer = await ec2.call('RunInstances', {
    ImageId: imageId,
    InstanceType: options.type as never,
    MinCount: 1,
    MaxCount: 1,
    KeyName: DEFAULT_KEY_NAME,
    ...(userData === undefined ? {} : { UserData: userData.toString('base64') }),
    ...(options.name === undefined
      ? {}
      : {
          TagSpecifications: [
            { ResourceType: 'instance', Tags: [{ Key: 'Name', Value: options.name }] },
          ],
        }),
  });
  return answer.Instances![0]!.InstanceId!;
}

async function untilRunning(
  context: CliContext,
  ec2: Ec2Client,
  id: string,
  progress: StepProgress,
): Promise<DescribedInstance> {
  const look = async () => {
    const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds: [id] });
    const instance = Reservations?.[0]?.Instances?.[0] as DescribedInstance | undefined;
    const state = instance?.State?.Name;
    if (state !== undefined) progress(state);
    if (state === 'running') return instance;
    if (state !== 'pending') throw failed(context, id, instance);
    return undefined;
  };
  const patience = { clock: context.clock, timeoutMs: RUNNING_TIMEOUT_MS, intervalMs: POLL_MS };
  try {
    return await waitFor(look, { ...patience, what: `${id} is running` });
  } catch (cause) {
    if (!(cause instanceof TimeoutError)) throw cause;
    throw new Problem(cause.message, [
      `it is still being started; how far it is: ${context.self} status`,
      `why it takes so long: ${context.self} logs`,
    ]);
  }
}

function failed(context: CliContext, id: string, instance: DescribedInstance | undefined): Problem {
  const reason =
    instance?.StateReason?.Message ?? instance?.StateTransitionReason ?? 'no reason was given';
  return new Problem(`${id} is ${instance?.State?.Name ?? 'gone'}: ${reason}`, [
    `its console: ${context.self} logs ${id}`,
    `the cloud's log: ${context.self} logs`,
  ]);
}

async function untilReachable(
  context: CliContext,
  daemon: AdminApi,
  instance: DescribedInstance,
): Promise<SshTarget> {
  const ec2 = await openEc2(context, daemon);
  try {
    return await waitFor(
      async () => {
        // Fail as soon as the guest has, not when the time is up.
        const current = await findInstance(ec2, instance.InstanceId, context.self);
        if (current.State?.Name !== 'running') throw failed(context, instance.InstanceId, current);
        const ssh = await findSshTarget(context, daemon, instance);
        return ssh !== undefined && (await speaksSsh(ssh)) ? ssh : undefined;
      },
      { clock: context.clock, timeoutMs: SSH_TIMEOUT_MS, intervalMs: POLL_MS, what: 'ssh' },
    );
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    const problem = new Problem(`${instance.InstanceId} runs, but its ssh server does not answer`, [
      `the instance is left running; its console: ${context.self} logs ${instance.InstanceId}`,
    ]);
    problem.cause = cause;
    throw problem;
  }
}

/** A forwarded port accepts before the guest listens, so only the server's greeting counts. */
function speaksSsh(target: SshTarget): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port, timeout: CONNECT_TIMEOUT_MS });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (bytes) => end(bytes.toString('latin1').startsWith('SSH-')));
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => end(false));
  });
}
