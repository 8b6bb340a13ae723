// Owns where this cloud's master key is: in a file of the data folder, or in one that the administrator keeps elsewhere.

import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { readFileIfPresent } from '@ironbark/platform/files.ts';
import type { KeyringSource } from '@ironbark/storage/app/keyring.ts';
import type { CloudConfig } from '../cloud-config.ts';
import { Problem } from '../problem.ts';
import type { DataPaths } from './paths.ts';

/** Read where the host's files can be seen. One that is missing stops no cloud: what is not encrypted goes on. */
export async function readKeyringSource(
  { keyring }: Pick<CloudConfig, 'keyring'>,
  { keyring: path }: Pick<DataPaths, 'keyring'>,
): Promise<KeyringSource> {
  if (keyring === undefined) return { path };
  return { handedOver: (await readFileIfPresent(keyring))?.toString('utf8') };
}

const OTHERS = 0o077;

/** Before a cloud is told of one. */
export async function checkKeyring(path: string): Promise<void> {
  const facts = isAbsolute(path) ? await stat(path).catch(() => undefined) : undefined;
  if (facts?.isFile() !== true) {
    throw new Problem(`the keyring ${path} is no file`, [
      'give the absolute path of one that a cloud has made: DATA-FOLDER/keyring/master.key',
      `or make one: (umask 077; echo "ironbark-keyring/1 $(head -c 32 /dev/urandom | base64)" > ${path})`,
    ]);
  }
  if ((facts.mode & OTHERS) === 0) return;
  throw new Problem(`others can read the keyring ${path}`, [`chmod 600 ${path}`]);
}
