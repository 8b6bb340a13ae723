// Owns how one block of a snapshot comes into the object store: packed, in its snapshot's form, under its own name.

import type { StoredBlock } from '../store/blocks.ts';
import { type SnapshotRow, scopeOf } from '../store/snapshots.ts';
import { digestOf, packChunk } from './chunk-codec.ts';
import type { StorageContext } from './context.ts';
import { type BlockForm, PLAIN_BLOCKS } from './sealed-blocks.ts';
import { blockKey, SNAPSHOT_BUCKET } from './snapshot-manifest.ts';

/** Whose blocks are stored, and what they look like there. */
export interface BlockPlace {
  row: SnapshotRow;
  form: BlockForm;
}

export interface NamedBlock {
  bytes: Buffer;
  /** As the place's form identifies it. */
  sha256: string;
}

/** The bucket has to be there. */
export async function storeBlock(
  { compressor, objects }: Pick<StorageContext, 'compressor' | 'objects'>,
  { row, form }: BlockPlace,
  { bytes, sha256 }: NamedBlock,
): Promise<StoredBlock> {
  const scope = scopeOf(row);
  const packed = await packChunk(compressor, bytes);
  const { encoding } = packed;
  const body = form.seal({ scope, name: sha256, encoding }, packed.bytes);
  await objects.putObject({
    bucket: SNAPSHOT_BUCKET,
    key: blockKey(scope, sha256),
    body,
    sha256: form === PLAIN_BLOCKS && encoding === 'raw' ? sha256 : digestOf(body),
  });
  return { sha256, encoding, storedBytes: body.length };
}
