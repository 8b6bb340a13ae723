// Owns what a node keeps of its joining: who it is, and by what it knows its front end.

import type { Identity } from '@ironbark/platform/certificates.ts';
import { readKeptFile, replaceFile } from '@ironbark/platform/files.ts';

export interface NodeIdentity {
  format: 'ironbark-node/1';
  identity: Identity;
  /** PEM. */
  authority: string;
}

export async function saveNodeIdentity(path: string, identity: NodeIdentity): Promise<void> {
  await replaceFile(path, `${JSON.stringify(identity, null, 2)}\n`, { mode: 0o600 });
}

export async function readNodeIdentity(path: string): Promise<NodeIdentity> {
  const bytes = await readKeptFile(path);
  const found = JSON.parse(bytes?.toString('utf8') ?? 'null') as NodeIdentity | null;
  if (found?.format === 'ironbark-node/1') return found;
  throw new Error(`${path} does not hold this node's certificate; join again from an empty folder`);
}
