// Owns the AWS CLI as tests run it: against one cloud, with nothing of this host's own settings.

import { systemCommands } from '@ironbark/platform/commands.ts';
import type { Credentials } from '../../packages/cli/daemon/admin-api.ts';

export interface AwsCli {
  credentials: Credentials;
  /** Where it may leave files. */
  home: string;
  timeoutMs: number;
}

/** Its output. */
export async function callAws(cli: AwsCli, args: readonly string[]): Promise<string> {
  const all = ['--endpoint-url', cli.credentials.endpoint, ...args];
  const env = awsEnvironment(cli);
  return (await systemCommands.run('aws', all, { timeoutMs: cli.timeoutMs, env })).stdout;
}

/** Its answer. */
// biome-ignore lint/suspicious/noExplicitAny: answers have as many shapes as there are operations
export async function askAws(cli: AwsCli, args: readonly string[]): Promise<any> {
  const text = await callAws(cli, ['--output', 'json', ...args]);
  return text.trim() === '' ? undefined : JSON.parse(text);
}

export function awsEnvironment({ credentials, home }: Omit<AwsCli, 'timeoutMs'>) {
  const { accessKeyId, secretAccessKey, region, endpoint } = credentials;
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ENDPOINT_URL: endpoint,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
  };
}
