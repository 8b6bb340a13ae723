// Owns how bytes become a blob: a row `uploading`, the file on stable storage, then one transaction that keeps both.
//
//   insert row `uploading` --> write file, sync --> verify digests --> transaction { row `stored`, who refers to it }
//            |                        |                    |                          |
//            +------------------------+--------------------+--------------------------+--> any failure or crash
//                                                    the row stays `uploading`; a reconciler removes file and row

import { ServiceError } from '@ironbark/core/errors.ts';
import { type DigestAlgorithm, DigestSet } from '@ironbark/protocol/s3/checksums.ts';
import type { StoredBlob } from '../drivers/blob-store.ts';
import { insertUploadingBlob, markStored } from '../store/blobs.ts';
import type { Tx } from '../store/schema.ts';
import type { ByteSource } from './byte-source.ts';
import { newRandomId, type ObjectsContext } from './context.ts';

export interface WrittenBytes {
  blob: StoredBlob;
  digests: DigestSet;
}

export interface WriteInput {
  source: ByteSource;
  algorithms: readonly DigestAlgorithm[];
  maxBytes: number;
}

/** `commit` runs in the transaction that keeps the blob, and has to refer to it. */
export async function storeBytes<Result>(
  context: ObjectsContext,
  input: WriteInput,
  commit: (tx: Tx, written: WrittenBytes) => Promise<Result>,
): Promise<Result> {
  const id = newRandomId(context.random);
  const held = context.busy.hold([id]);
  try {
    const createdAtMs = context.clock.nowMs();
    await context.db.transaction((tx) => insertUploadingBlob(tx, { id, createdAtMs }));
    const written = await writeVerified(context, id, input);
    return await context.db.transaction((tx) => keep(tx, written, commit));
  } catch (error) {
    held[Symbol.dispose]();
    context.wake.unwanted([id]);
    throw error;
  } finally {
    held[Symbol.dispose]();
  }
}

async function writeVerified(
  context: ObjectsContext,
  id: string,
  { source, algorithms, maxBytes }: WriteInput,
): Promise<WrittenBytes> {
  const digests = new DigestSet([...algorithms, ...source.algorithms]);
  const { chunks, lengthBytes } = source;
  if (lengthBytes !== undefined && lengthBytes > maxBytes)
    throw uploadTooLarge(lengthBytes, maxBytes);
  const blob = await context.blobs.write({ id, chunks, digests, lengthBytes, maxBytes });
  source.verify(digests);
  return { blob, digests };
}

async function keep<Result>(
  tx: Tx,
  written: WrittenBytes,
  commit: (tx: Tx, written: WrittenBytes) => Promise<Result>,
): Promise<Result> {
  const isKept = await markStored(tx, written.blob);
  if (!isKept) throw new Error(`blob ${written.blob.id} was removed while it was written`);
  return commit(tx, written);
}

function uploadTooLarge(size: number, max: number): ServiceError {
  return new ServiceError({
    kind: 'too-large',
    resource: 'object',
    message: 'Your proposed upload exceeds the maximum allowed size; use a multipart upload.',
    details: { ProposedSize: String(size), MaxSizeAllowed: String(max) },
  });
}
