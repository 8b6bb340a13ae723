// Owns the stream that `rbd import-diff` takes (Ceph documentation, "RBD Incremental Backup"): pieces of an image.

const HEADER = 'rbd diff v1\n';
const NUMBER_BYTES = 8;

/** Writes these bytes into an image of this size and changes nothing else of it. */
export function renderDiff(imageBytes: number, offset: number, bytes: Uint8Array): Buffer {
  const size = number(imageBytes);
  const data = [Buffer.from('w'), number(offset), number(bytes.length), bytes];
  return Buffer.concat([Buffer.from(HEADER), Buffer.from('s'), size, ...data, Buffer.from('e')]);
}

function number(value: number): Buffer {
  const buffer = Buffer.alloc(NUMBER_BYTES);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}
