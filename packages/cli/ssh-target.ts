// Owns how this host reaches a guest's ssh server, and the arguments that ssh needs for it.

import { join } from 'node:path';
import { readFileIfPresent } from '@ironbark/platform/files.ts';
import type { CliContext } from './context.ts';
import type { AdminApi } from './daemon/admin-api.ts';
import { dataPaths } from './daemon/paths.ts';
import type { DescribedInstance } from './find-instance.ts';
import { DEFAULT_KEY_NAME, keyPath } from './key-pair.ts';

export interface SshTarget {
  host: string;
  port: number;
  user: string;
  args: string[];
}

/** The host that it runs on, when that is not this one: its private address leads nowhere from here. */
export async function findNodeElsewhere(
  daemon: AdminApi,
  { InstanceId: id }: DescribedInstance,
): Promise<string | undefined> {
  const { elsewhere = [] } = await daemon.status();
  return elsewhere.find(({ instances }) => instances.some((each) => each.id === id))?.node;
}

/** Undefined while the guest has no address yet. */
export async function findSshTarget(
  context: CliContext,
  daemon: AdminApi,
  instance: DescribedInstance,
): Promise<SshTarget | undefined> {
  const { node, loginUsers } = await daemon.status();
  const ssh = node.instances.find((observed) => observed.id === instance.InstanceId)?.ssh;
  if (ssh === undefined) return undefined;
  const user = loginUsers[instance.ImageId ?? ''] ?? 'root';
  const key = keyPath(context, instance.KeyName ?? DEFAULT_KEY_NAME);
  const hasKey = (await readFileIfPresent(key)) !== undefined;
  const args = [
    ...(hasKey ? ['-i', key, '-o', 'IdentitiesOnly=yes'] : []),
    // Addresses are used again by later instances, so the host key is remembered by instance.
    ...['-o', `HostKeyAlias=${instance.InstanceId}`],
    ...['-o', `UserKnownHostsFile=${join(dataPaths(context.dataDir).keys, 'known_hosts')}`],
    ...['-o', 'StrictHostKeyChecking=accept-new', '-o', 'LogLevel=ERROR'],
    ...(ssh.port === 22 ? [] : ['-p', String(ssh.port)]),
    `${user}@${ssh.host}`,
  ];
  return { ...ssh, user, args };
}
