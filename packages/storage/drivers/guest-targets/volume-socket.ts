// Owns the way of a guest's target to a volume's storage daemon: a second name of the daemon's socket in the target's own
// folder, which is all that it sees, and the right to use it. A daemon that was started again has another socket.

import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { removeFile } from '@ironbark/platform/files.ts';
import { grantSocketAccess, linkSocket, readSecondName } from '@ironbark/platform/sockets.ts';
import type { TargetHost } from './target-process.ts';

interface Served {
  volumeId: VolumeId;
  socketPath: string;
}

export function socketNameOf(volumeId: VolumeId): string {
  return `${volumeId}.sock`;
}

/** From here on no guest's own process can open the volume, and the target of this folder can. Repeats safely. */
export async function giveSocket(
  { folder, uid }: TargetHost,
  { volumeId, socketPath }: Served,
): Promise<void> {
  if (uid !== undefined) await grantSocketAccess(socketPath, { uid, mode: 0o600 });
  const { isCutOff, isGone } = await readSocketState(folder, { volumeId, socketPath });
  if (isCutOff && !isGone) await linkSocket(socketPath, join(folder, socketNameOf(volumeId)));
}

export async function readSocketState(
  folder: string,
  { volumeId, socketPath }: Served,
): Promise<{ isCutOff: boolean; isGone: boolean }> {
  const own = await readSecondName(socketPath, join(folder, socketNameOf(volumeId)));
  return { isCutOff: own !== 'same', isGone: own === 'socket-gone' };
}

export async function removeSocket(
  folder: string,
  { volumeId }: Pick<Served, 'volumeId'>,
): Promise<void> {
  await removeFile(join(folder, socketNameOf(volumeId)));
}
