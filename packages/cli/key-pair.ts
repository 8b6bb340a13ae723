// Owns the key pair with which `ironbark launch` and `ironbark ssh` log in.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createFile,
  ensureDirectory,
  exists,
  readFileIfPresent,
  removeFile,
} from '@ironbark/platform/files.ts';
import { type Ec2Client, Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import type { CliContext } from './context.ts';
import { dataPaths } from './daemon/paths.ts';

export const DEFAULT_KEY_NAME = 'ironbark';

export function keyPath(context: CliContext, keyName: string): string {
  return join(dataPaths(context.dataDir).keys, keyName);
}

/**
 * Makes the key pair here and imports its public half, unless both exist. Gives the private key's path. Of several that do
 * this at once one makes the key, and the others take it.
 */
export async function ensureKeyPair(context: CliContext, ec2: Ec2Client): Promise<string> {
  const path = keyPath(context, DEFAULT_KEY_NAME);
  await ensureDirectory(dataPaths(context.dataDir).keys);
  if (!(await exists(path))) await makeKey(context, path);
  if (!(await isImported(ec2))) await importKey(ec2, await publicHalf(context, path));
  return path;
}

/** Guests will know the public half alone: the private one has to outlive a power cut. */
async function makeKey(context: CliContext, path: string): Promise<void> {
  const made = `${path}.${Buffer.from(context.random.bytes(8)).toString('hex')}`;
  try {
    const args = ['-q', '-t', 'ed25519', '-N', '', '-C', DEFAULT_KEY_NAME, '-f', made];
    await context.commands.run('ssh-keygen', args);
    await createFile(path, await readFile(made, 'utf8'));
  } finally {
    for (const file of [made, `${made}.pub`]) await removeFile(file);
  }
}

/** Beside the private one, where people look for it. */
async function publicHalf(context: CliContext, path: string): Promise<Uint8Array> {
  const known = await readFileIfPresent(`${path}.pub`);
  if (known !== undefined) return known;
  const { stdout } = await context.commands.run('ssh-keygen', ['-y', '-f', path]);
  await createFile(`${path}.pub`, stdout);
  return Buffer.from(stdout);
}

async function isImported(ec2: Ec2Client): Promise<boolean> {
  const { KeyPairs } = await ec2.call('DescribeKeyPairs', {
    Filters: [{ Name: 'key-name', Values: [DEFAULT_KEY_NAME] }],
  });
  return KeyPairs !== undefined && KeyPairs.length > 0;
}

async function importKey(ec2: Ec2Client, PublicKeyMaterial: Uint8Array): Promise<void> {
  try {
    await ec2.call('ImportKeyPair', { KeyName: DEFAULT_KEY_NAME, PublicKeyMaterial });
  } catch (error) {
    // Somebody else may have done it in the meantime.
    if (!(error instanceof Ec2Error) || !(await isImported(ec2))) throw error;
  }
}
