// Owns `ironbark logs`: the daemon's log, or a guest's console.

import { join } from 'node:path';
import { readFileIfPresent } from '@ironbark/platform/files.ts';
import type { CliContext } from '../context.ts';
import { dataPaths } from '../daemon/paths.ts';
import { openEc2 } from '../ec2.ts';
import { findInstance } from '../find-instance.ts';
import { Problem } from '../problem.ts';

export interface LogsOptions {
  follow: boolean;
  lines: number;
}

export async function showLogs(
  context: CliContext,
  target: string | undefined,
  options: LogsOptions,
): Promise<number> {
  if (target !== undefined) {
    await showConsole(context, target);
    return 0;
  }
  const path = dataPaths(context.dataDir).log;
  if ((await readFileIfPresent(path)) === undefined) {
    throw new Problem(`there is no log at ${path}`, [
      'the cloud has not run from this folder',
      `folder: ${join(context.dataDir)}`,
    ]);
  }
  const follow = options.follow ? ['-F'] : [];
  return await context.commands.runInteractive('tail', [
    ...follow,
    '-n',
    String(options.lines),
    path,
  ]);
}

async function showConsole(context: CliContext, target: string): Promise<void> {
  const ec2 = await openEc2(context);
  const instance = await findInstance(ec2, target);
  const answer = await ec2.call('GetConsoleOutput', { InstanceId: instance.InstanceId });
  const output = Buffer.from(answer.Output ?? '', 'base64').toString('utf8');
  context.terminal.result({ instanceId: instance.InstanceId, output }, () => output);
}
