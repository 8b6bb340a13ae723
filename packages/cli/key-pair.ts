// Owns the key pair with which `ironbark launch` and `ironbark ssh` log in.

import { dirname, join } from 'node:path';
import {
  ensureDirectory,
  readFileIfPresent,
  syncDirectory,
  syncFile,
} from '@ironbark/platform/files.ts';
import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { CliContext } from './context.ts';
import { dataPaths } from './daemon/paths.ts';

export const DEFAULT_KEY_NAME = 'ironbark';

export function keyPath(context: CliContext, keyName: string): string {
  return join(dataPaths(context.dataDir).keys, keyName);
}

/** Makes the key pair here and imports its public half, unless both exist. Gives the private key's path. */
export async function ensureKeyPair(context: CliContext, ec2: Ec2Client): Promise<string> {
  const path = keyPath(context, DEFAULT_KEY_NAME);
  await ensureDirectory(dataPaths(context.dataDir).keys);
  if ((await readFileIfPresent(path)) === undefined) {
    const args = ['-q', '-t', 'ed25519', '-N', '', '-C', DEFAULT_KEY_NAME, '-f', path];
    await context.commands.run('ssh-keygen', args);
    // Guests will know the public half alone: the private one has to outlive a power cut.
    for (const file of [path, `${path}.pub`]) await syncFile(file);
    await syncDirectory(dirname(path));
  }
  const { KeyPairs } = await ec2.call('DescribeKeyPairs', {
    Filters: [{ Name: 'key-name', Values: [DEFAULT_KEY_NAME] }],
  });
  if (KeyPairs === undefined || KeyPairs.length === 0) {
    const publicKey = await readFileIfPresent(`${path}.pub`);
    await ec2.call('ImportKeyPair', { KeyName: DEFAULT_KEY_NAME, PublicKeyMaterial: publicKey! });
  }
  return path;
}
