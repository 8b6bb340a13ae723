// Owns knowing a disk format by its first bytes, so that nothing that looks like a container passes as raw.

/** As much of a file's start as any rule below looks at. */
export const SNIFF_BYTES = 64 * 1024;
/** VHD keeps its mark in the last block; only the dynamic kind has a copy in front. */
export const TAIL_BYTES = 512;

interface Signature {
  format: string;
  offset: number;
  bytes: Buffer;
}

const text = (format: string, offset: number, mark: string): Signature => ({
  format,
  offset,
  bytes: Buffer.from(mark, 'latin1'),
});

const SIGNATURES: readonly Signature[] = [
  text('qcow2', 0, 'QFI\xfb'),
  text('QED', 0, 'QED\0'),
  text('VMDK', 0, 'KDMV'),
  text('VMDK', 0, 'COWD'),
  text('VMDK', 0, '# Disk DescriptorFile'),
  text('VHDX', 0, 'vhdxfile'),
  text('VHD', 0, 'conectix'),
  text('VDI', 0x40, '\x7f\x10\xda\xbe'),
  text('Parallels', 0, 'WithoutFreeSpace'),
  text('Parallels', 0, 'WithouFreSpacExt'),
  text('Bochs', 0, 'Bochs Virtual HD Image'),
  text('cloop', 0, '#!/bin/sh\n#V2.0 Format'),
  text('LUKS', 0, 'LUKS\xba\xbe'),
  text('DMG', 0, 'koly'),
  text('gzip', 0, '\x1f\x8b'),
  text('xz', 0, '\xfd7zXZ\0'),
  text('zstd', 0, '\x28\xb5\x2f\xfd'),
  text('bzip2', 0, 'BZh'),
  text('zip', 0, 'PK\x03\x04'),
  text('7z', 0, '7z\xbc\xaf\x27\x1c'),
  text('tar', 257, 'ustar'),
];

/** What a file is besides raw, by name; undefined when nothing says so. */
export function recognizeFormat(head: Buffer, tail: Buffer): string | undefined {
  const known = SIGNATURES.find(
    ({ offset, bytes }) => head.subarray(offset, offset + bytes.length).equals(bytes) === true,
  );
  if (known !== undefined) return known.format;
  if (tail.subarray(0, 8).toString('latin1') === 'conectix') return 'VHD';
  if (tail.subarray(0, 4).toString('latin1') === 'koly') return 'DMG';
  return undefined;
}
