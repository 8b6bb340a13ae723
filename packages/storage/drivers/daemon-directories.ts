// Owns the folders that storage daemons use, and who may enter them.

import { chmod, chown, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import { DAEMON_DIRECTORIES } from './daemon-arguments.ts';
import type { DaemonHost } from './daemon-process.ts';

/** Search permission for everybody: what lies inside is protected by itself. */
const SEARCHABLE = 0o011;

export async function prepareDirectories(host: DaemonHost): Promise<void> {
  const { exports, control, processes, overwritten } = DAEMON_DIRECTORIES;
  await openToSearch(host.dataDir);
  await ensureDirectory(join(host.dataDir, 'run'), 0o711);
  await openToSearch(join(host.dataDir, 'run'));
  await ensureFor(host, join(host.dataDir, exports), { mode: 0o711, writable: true });
  await ensureFor(host, join(host.dataDir, control), { mode: 0o700, writable: true });
  await ensureFor(host, join(host.dataDir, processes), { mode: 0o700, writable: false });
  await ensureFor(host, join(host.dataDir, overwritten), { mode: 0o710, writable: false });
}

async function openToSearch(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & SEARCHABLE) !== SEARCHABLE) await chmod(path, (mode & 0o777) | SEARCHABLE);
}

async function ensureFor(
  host: DaemonHost,
  path: string,
  access: { mode: number; writable: boolean },
): Promise<void> {
  await ensureDirectory(path, access.mode);
  if (host.owner !== undefined) {
    await chown(path, access.writable ? host.owner.uid : 0, host.owner.gid);
  }
  await chmod(path, access.mode);
}
