// Owns what tests know of encrypted volumes from outside: their keys, and whether bytes lie anywhere in the clear.

import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { openWith } from '@ironbark/platform/envelopes.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { openKeyring } from '../app/keyring.ts';
import { openSectors } from '../drivers/aes-xts.ts';
import { LUKS_HEADER_BYTES } from '../drivers/luks-header.ts';
import { luksKeysOf } from '../drivers/volume-seal.ts';
import { ACCOUNT, type Harness } from './harness.ts';

/** Random, so that packing leaves it as it is, and found by any part of it. */
export class Marker {
  readonly bytes: Buffer;
  readonly #path: string;

  private constructor(path: string, length: number) {
    this.bytes = randomBytes(length);
    this.#path = path;
  }

  static async make(harness: Harness, length: number): Promise<Marker> {
    const marker = new Marker(join(harness.root, `marker-${length}`), length);
    await writeFile(marker.#path, marker.bytes);
    return marker;
  }

  /** A command of qemu-io. */
  write(offset: number): string {
    return `write -s ${this.#path} ${offset} ${this.bytes.length}`;
  }

  isIn(bytes: Uint8Array): boolean {
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const parts = [0, this.bytes.length / 2, this.bytes.length - 32];
    return parts.some((at) => whole.includes(this.bytes.subarray(at, at + 32)));
  }
}

/** Names of files of the data folder and of objects that hold it in the clear. */
export async function findInTheClear(harness: Harness, marker: Marker): Promise<string[]> {
  const found: string[] = [];
  for (const name of await harness.files()) {
    const bytes = await readFile(join(harness.dataDir, name)).catch(() => Buffer.alloc(0));
    if (marker.isIn(bytes)) found.push(name);
  }
  for (const bucket of harness.objects.buckets.values()) {
    for (const [key, object] of bucket) if (marker.isIn(object)) found.push(key);
  }
  return found;
}

export function keyringPath({ dataDir }: Pick<Harness, 'dataDir'>): string {
  return join(dataDir, 'keyring', 'master.key');
}

export async function readVolumeKey(
  harness: Pick<Harness, 'dataDir'>,
  id: VolumeId,
): Promise<Buffer> {
  using database = new DatabaseSync(join(harness.dataDir, 'storage.db'), { readOnly: true });
  const account = database.prepare('SELECT envelope FROM account_key').get() as {
    envelope: string;
  };
  const volume = database.prepare('SELECT key_envelope FROM volume WHERE id = ?').get(id) as {
    key_envelope: string;
  };
  const { envelope: knownEnvelope } = account;
  const source = { path: keyringPath(harness) };
  const keyring = await openKeyring(source, { random: systemRandom, knownEnvelope });
  const accountKey = keyring.open(`account ${ACCOUNT}`, knownEnvelope);
  return openWith(accountKey, `volume ${id}`, volume.key_envelope);
}

/** What its file alone says, without any map of it. */
export async function decryptFile(
  harness: Pick<Harness, 'dataDir'>,
  id: VolumeId,
): Promise<Buffer> {
  const { payloadKey: key } = luksKeysOf(await readVolumeKey(harness, id));
  const file = await readFile(join(harness.dataDir, 'volumes', `${id}.raw`));
  return openSectors({ key, first: 0 }, file.subarray(LUKS_HEADER_BYTES));
}
