// Owns the remembered subnets of a cloud on this host, beside its ports and as long-lived as they are.

import { join } from 'node:path';
import { readFileIfPresent, replaceFile } from '@ironbark/platform/files.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';

export async function readSubnets(directory: string): Promise<SubnetIntent[]> {
  const bytes = await readFileIfPresent(join(directory, 'subnets.json'));
  return bytes === undefined ? [] : (JSON.parse(bytes.toString('utf8')) as SubnetIntent[]);
}

export async function writeSubnets(
  directory: string,
  subnets: readonly SubnetIntent[],
): Promise<void> {
  await replaceFile(join(directory, 'subnets.json'), JSON.stringify(subnets));
}
