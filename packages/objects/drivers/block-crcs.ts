// Owns the form in which the CRCs of a blob's blocks are kept, and the error of one that does not hold.

export function encodeCrcs(crcs: readonly number[]): string {
  const bytes = Buffer.alloc(crcs.length * 4);
  for (const [index, crc] of crcs.entries()) bytes.writeUInt32LE(crc, index * 4);
  return bytes.toString('base64');
}

export function decodeCrcs(text: string): number[] {
  const bytes = Buffer.from(text, 'base64');
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) =>
    bytes.readUInt32LE(index * 4),
  );
}

/** What is on the disk is not what was written: never shown to a client, always logged. */
export class DamagedBlobError extends Error {
  constructor(id: string, what: string) {
    super(`blob ${id} is damaged: ${what}`);
    this.name = 'DamagedBlobError';
  }
}
