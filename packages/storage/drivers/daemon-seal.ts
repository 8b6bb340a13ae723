// Owns how a running storage daemon gets the key of an encrypted volume: over its control socket, as an object that is
// gone again once the volume is open. It is in no argument, and in no file but the encrypted envelope.
//
//   disk (raw) -> file (luks) -> cipher (the backend's bytes)

import { ServiceError } from '@ironbark/core/errors.ts';
import { type QmpClient, QmpError } from '@ironbark/platform/qmp.ts';
import type { VolumeSeal } from '@ironbark/protocol/internal/block-target.ts';
import { CIPHER_NODE, DISK_NODE, FILE_NODE } from './daemon-arguments.ts';
import { readNodeSize } from './daemon-limits.ts';
import { luksKeysOfSeal } from './volume-seal.ts';

/** How a daemon is to have a volume open. */
export interface DaemonStart {
  seal?: VolumeSeal | undefined;
  /** To lay it over its snapshot. */
  isLayering?: boolean;
}

/** Completes the graph of a daemon that was started on an encrypted volume. Others are complete from their start. */
export async function openSealed(qmp: QmpClient, seal: VolumeSeal | undefined): Promise<QmpClient> {
  if (seal === undefined || (await readNodeSize(qmp, DISK_NODE)) !== undefined) return qmp;
  if ((await readNodeSize(qmp, FILE_NODE)) === undefined) {
    const { passphrase } = luksKeysOfSeal(seal);
    await addLuks(qmp, { name: FILE_NODE, file: CIPHER_NODE, passphrase });
  }
  await requireSize(qmp, seal);
  await qmp.execute('blockdev-add', {
    driver: 'raw',
    'node-name': DISK_NODE,
    file: FILE_NODE,
    discard: 'unmap',
  });
  return qmp;
}

interface LuksNode {
  name: string;
  file: string;
  passphrase: string;
  isReadOnly?: boolean;
}

export async function addLuks(
  qmp: QmpClient,
  { name, file, passphrase, isReadOnly = false }: LuksNode,
): Promise<void> {
  const secret = `secret-of-${name}`;
  await removeSecret(qmp, secret);
  await qmp.execute('object-add', { 'qom-type': 'secret', id: secret, data: passphrase });
  try {
    const luks = { driver: 'luks', 'node-name': name, file, 'key-secret': secret };
    const how = isReadOnly ? { 'read-only': true } : { discard: 'unmap' };
    await qmp.execute('blockdev-add', { ...luks, ...how });
  } finally {
    await removeSecret(qmp, secret);
  }
}

async function removeSecret(qmp: QmpClient, id: string): Promise<void> {
  try {
    await qmp.execute('object-del', { id });
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    // It was not there, which is what was wanted.
  }
}

/** Bytes that a growth has not filled with encrypted zeros yet would be noise to the guest. */
async function requireSize(qmp: QmpClient, { sizeBytes }: VolumeSeal): Promise<void> {
  if ((await readNodeSize(qmp, FILE_NODE)) === sizeBytes) return;
  await qmp.execute('blockdev-del', { 'node-name': FILE_NODE });
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'volume',
    message: 'The volume is being made longer and is opened once that is done.',
  });
}
