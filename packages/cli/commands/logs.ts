// Owns `ironbark logs`: the daemon's log, or a guest's console.

import { isResourceId } from '@ironbark/core/ids.ts';
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
    if (options.follow) throw new Problem('a console cannot be followed, only the cloud’s log');
    await showConsole(context, target);
    return 0;
  }
  const path = dataPaths(context.dataDir).log;
  if ((await readFileIfPresent(path)) === undefined) {
    throw new Problem(`there is no log at ${path}: no cloud has run from this folder`, [
      `start one: ${context.self} up`,
      'for another cloud name its folder: --data-dir FOLDER',
    ]);
  }
  // It ends with us, however we end.
  const follow = options.follow ? ['-F', `--pid=${process.pid}`] : [];
  return await context.commands.runInteractive('tail', [
    ...follow,
    '-n',
    String(options.lines),
    path,
  ]);
}

async function showConsole(context: CliContext, target: string): Promise<void> {
  const ec2 = await openEc2(context);
  // An id is asked for as it is: one that was terminated may still have its console.
  const InstanceId = isResourceId('i', target)
    ? target
    : (await findInstance(ec2, target, context.self)).InstanceId;
  const answer = await ec2.call('GetConsoleOutput', { InstanceId });
  const output = Buffer.from(answer.Output ?? '', 'base64').toString('utf8');
  context.terminal.result({ instanceId: InstanceId, output }, () =>
    output === '' ? `${InstanceId} has written nothing to its console` : output,
  );
}
