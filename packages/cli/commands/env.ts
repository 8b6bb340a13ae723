// Owns `ironbark env`: the lines that point any AWS client at this cloud.

import type { CliContext } from '../context.ts';
import type { Credentials } from '../daemon/admin-api.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { quoteForShell } from '../quote-for-shell.ts';

export async function showEnvironment(context: CliContext): Promise<void> {
  const credentials = await (await getDaemon(context.dataDir, context.self)).credentials();
  context.terminal.result(credentials, () => renderEnvironment(credentials));
}

/**
 * Shell text for `eval`. Clients since 2023 read AWS_ENDPOINT_URL; older ones, Debian 12's among them, do not,
 * hence the function around `aws`.
 */
export function renderEnvironment(credentials: Credentials): string {
  const { endpoint, region, accessKeyId, secretAccessKey } = credentials;
  return [
    `export AWS_ENDPOINT_URL=${quoteForShell(endpoint)}`,
    `export AWS_ACCESS_KEY_ID=${quoteForShell(accessKeyId)}`,
    `export AWS_SECRET_ACCESS_KEY=${quoteForShell(secretAccessKey)}`,
    `export AWS_REGION=${quoteForShell(region)} AWS_DEFAULT_REGION=${quoteForShell(region)}`,
    'export AWS_EC2_METADATA_DISABLED=true AWS_PAGER=',
    'unset AWS_SESSION_TOKEN AWS_PROFILE',
    `aws() { command aws --endpoint-url ${quoteForShell(endpoint)} "$@"; }`,
  ].join('\n');
}
