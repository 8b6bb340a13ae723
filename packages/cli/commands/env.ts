// Owns `ironbark env`: the lines that point any AWS client at this cloud.

import type { CliContext } from '../context.ts';
import type { Credentials } from '../daemon/admin-api.ts';
import { getDaemon } from '../daemon/admin-client.ts';

export async function showEnvironment(context: CliContext): Promise<void> {
  const credentials = await (await getDaemon(context.dataDir)).credentials();
  context.terminal.result(credentials, () => renderEnvironment(credentials));
}

/**
 * Shell text for `eval`. Clients since 2023 read AWS_ENDPOINT_URL; older ones, Debian 12's among them, do not,
 * hence the function around `aws`.
 */
export function renderEnvironment(credentials: Credentials): string {
  const { endpoint, region, accessKeyId, secretAccessKey } = credentials;
  return [
    `export AWS_ENDPOINT_URL=${quote(endpoint)}`,
    `export AWS_ACCESS_KEY_ID=${quote(accessKeyId)}`,
    `export AWS_SECRET_ACCESS_KEY=${quote(secretAccessKey)}`,
    `export AWS_REGION=${quote(region)} AWS_DEFAULT_REGION=${quote(region)}`,
    'export AWS_EC2_METADATA_DISABLED=true AWS_PAGER=',
    'unset AWS_SESSION_TOKEN AWS_PROFILE',
    `aws() { command aws --endpoint-url ${quote(endpoint)} "$@"; }`,
  ].join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
