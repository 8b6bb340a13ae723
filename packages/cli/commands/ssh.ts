// Owns `ironbark ssh`: a shell in an instance.

import type { CliContext } from '../context.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { openEc2 } from '../ec2.ts';
import { findInstance } from '../find-instance.ts';
import { Problem } from '../problem.ts';
import { findNodeElsewhere, findSshTarget } from '../ssh-target.ts';

export async function openShell(
  context: CliContext,
  target: string | undefined,
  command: readonly string[],
): Promise<number> {
  const daemon = await getDaemon(context.dataDir, context.self);
  const instance = await findInstance(await openEc2(context, daemon), target, context.self);
  if (instance.State?.Name !== 'running') {
    const start = `aws ec2 start-instances --instance-ids ${instance.InstanceId}`;
    throw new Problem(`${instance.InstanceId} is ${instance.State?.Name}, so nobody can log in`, [
      ...(instance.State?.Name === 'stopped'
        ? [`start it: eval "$(${context.self} env)"; ${start}`]
        : []),
      `its console: ${context.self} logs ${instance.InstanceId}`,
    ]);
  }
  const node = await findNodeElsewhere(daemon, instance);
  if (node !== undefined) {
    throw new Problem(`${instance.InstanceId} runs on the node ${node}, and not on this host`, [
      'log in by a public address of it, or from an instance of its VPC',
      `its console: ${context.self} logs ${instance.InstanceId}`,
    ]);
  }
  const ssh = await findSshTarget(context, daemon, instance);
  if (ssh === undefined && (await daemon.status()).config.hypervisor === 'simulated') {
    throw new Problem(`${instance.InstanceId} is simulated: there is nothing to log in to`, [
      'real guests need a cloud of their own: up with another --data-dir, without --hypervisor simulated',
    ]);
  }
  if (ssh === undefined) {
    throw new Problem(`${instance.InstanceId} has no address yet`, ['try again in a few seconds']);
  }
  return await context.commands.runInteractive('ssh', [...ssh.args, ...command]);
}
