// Owns the command line's side of a volume that the daemon holds still: its pieces, asked for one after the other.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { AdminApi, HeldVolumePart } from './admin-api.ts';

/** Attaching and detaching move what is read to another place; that is over in a moment. */
const MAX_FAILURES = 5;

export async function* readHeldVolume(
  daemon: AdminApi,
  id: VolumeId,
): AsyncGenerator<{ offset: number; bytes: Buffer }> {
  for (let next: number | undefined = 0; next !== undefined; ) {
    const part: HeldVolumePart = await readPart(daemon, id, next);
    for (const { offset, bytes } of part.pieces) {
      yield { offset, bytes: Buffer.from(bytes, 'base64') };
    }
    next = part.nextOffset;
  }
}

async function readPart(daemon: AdminApi, id: VolumeId, offset: number): Promise<HeldVolumePart> {
  for (let failures = 1; ; failures++) {
    try {
      return await daemon.readHeldVolume({ id, offset });
    } catch (error) {
      if (failures === MAX_FAILURES) throw error;
    }
  }
}
