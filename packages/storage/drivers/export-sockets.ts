// Owns the names of the sockets at which hosts open a volume. Each opening, from the moment that somebody is let in until
// they are cut off, has a number and a socket of its own: whoever was let in by an earlier one never finds the way in
// to a later one.

import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { hasCode, removeFile } from '@ironbark/platform/files.ts';
import { readSocketAccess, type SocketAccess } from '@ironbark/platform/sockets.ts';
import { DAEMON_DIRECTORIES, daemonPathsIn } from './daemon-arguments.ts';
import { RELAYS } from './relay-arguments.ts';

export interface ExportSocket {
  /** Undefined for one that an earlier version made. */
  opening: number | undefined;
  /** Absolute. */
  path: string;
  access: SocketAccess;
}

/** Below the data folder: a second name of the daemon's own socket, in a folder that the daemon cannot change. */
export function exportSocketPath(id: VolumeId, opening: number | undefined): string {
  const number = opening === undefined ? '' : `.${opening}`;
  return `${DAEMON_DIRECTORIES.exports}/${id}${number}.nbd`;
}

/** Where a volume is served, for whoever knows the data folder and does not take another's word for it. */
export function exportSocketOf(dataDir: string) {
  return (id: VolumeId, opening: number | undefined) =>
    join(dataDir, exportSocketPath(id, opening));
}

/** Every way to the volume's own daemon that there is now; those of its relays are theirs. */
export async function listExportSockets(dataDir: string, id: VolumeId): Promise<ExportSocket[]> {
  const folder = join(dataDir, DAEMON_DIRECTORIES.exports);
  const own = (await listNames(folder)).filter((name) => name.startsWith(`${id}.`));
  if (own.length === 0) return [];
  const relayed = new Set((await listNames(join(dataDir, RELAYS))).map((name) => `${name}.nbd`));
  const sockets: ExportSocket[] = [];
  for (const name of own.filter((each) => !relayed.has(each))) {
    const path = join(folder, name);
    const access = await readSocketAccess(path);
    const [, , number] = NAME.exec(name) ?? [];
    const opening = number === undefined ? undefined : Number(number);
    if (access !== undefined) sockets.push({ opening, path, access });
  }
  return sockets;
}

/** None of a folder that is not there. */
export async function listNames(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
}

/** Whatever the daemon may listen at. */
export async function listSockets(dataDir: string, id: VolumeId): Promise<string[]> {
  const { ownSocket, privateSocket } = daemonPathsIn(dataDir, id);
  const exported = await listExportSockets(dataDir, id);
  return [...exported.map(({ path }) => path), ownSocket, privateSocket];
}

/**
 * Removes what a daemon that has ended leaves. Hosts' names of it stay where another one is to take its place: to whoever
 * was let in, a name that is gone says that the volume was taken away for good.
 */
export async function removeRunFiles(
  dataDir: string,
  id: VolumeId,
  { keepsNames }: { keepsNames: boolean },
): Promise<void> {
  const { ownSocket, privateSocket, controlSocket, pidFile, log, mounts } = daemonPathsIn(
    dataDir,
    id,
  );
  const names = keepsNames ? [] : await listExportSockets(dataDir, id);
  const own = [ownSocket, privateSocket, controlSocket, pidFile, log, mounts];
  for (const path of [...names.map((name) => name.path), ...own]) await removeFile(path);
}

/** Who was let in by a daemon that was killed, from the sockets that it left: they stay let in. */
export class SocketGrants {
  readonly #byPath = new Map<string, SocketAccess>();

  keep(sockets: readonly ExportSocket[]): void {
    for (const { path, access } of sockets) this.#byPath.set(path, access);
  }

  get(path: string): SocketAccess | undefined {
    return this.#byPath.get(path);
  }

  forget(id: VolumeId): void {
    for (const path of this.#byPath.keys()) {
      if (basename(path).startsWith(`${id}.`)) this.#byPath.delete(path);
    }
  }
}

const NAME = /^(vol-[0-9a-f]+)(?:\.([0-9]+))?\.nbd$/;
