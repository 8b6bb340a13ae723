// Owns how bytes become a blob.
//
// A large one: a row `uploading`, the file on stable storage, then one transaction that keeps both.
//
//   insert row `uploading` --> write file, sync --> verify digests --> transaction { row `stored`, who refers to it }
//            |                        |                    |                          |
//            +------------------------+--------------------+--------------------------+--> any failure or crash
//                                                    the row stays `uploading`; a reconciler removes file and row
//
// A small one: its bytes go to the log with those of others, then the same transaction inserts its row. What no row
// refers to is not there, so a failure leaves nothing behind but bytes that go when their file is rewritten.
//
//   verify digests --> transaction { place in the log, row `stored`, who refers to it } --> log: bytes, journal; sync
//
// Where the state store takes no journal, the bytes go first and the transaction is synced by itself.

import { ServiceError } from '@ironbark/core/errors.ts';
import { type DigestAlgorithm, DigestSet, type Digests } from '@ironbark/protocol/s3/checksums.ts';
import type { BlobLog } from '../drivers/blob-log.ts';
import type { StoredBlob } from '../drivers/blob-store.ts';
import { type LoggedBlob, MAX_LOGGED_BYTES } from '../drivers/logged-blob.ts';
import { insertUploadingBlob, markStored } from '../store/blobs.ts';
import { insertLoggedBlob } from '../store/logged-blobs.ts';
import type { Tx } from '../store/schema.ts';
import type { ByteSource } from './byte-source.ts';
import { newRandomId, type ObjectsContext } from './context.ts';
import { cryptWhole, newNonce, type ObjectSeal, sealer } from './encryption.ts';

export interface WrittenBytes {
  blob: StoredBlob;
  /** Of the bytes as they came, before they were encrypted. */
  digests: Digests;
  /** What the encryption began with; null where there is none. */
  nonce: string | null;
}

export interface WriteInput {
  source: ByteSource;
  algorithms: readonly DigestAlgorithm[];
  maxBytes: number;
  /** Undefined: the bytes are kept as they are. */
  seal: ObjectSeal | undefined;
}

type Commit<Result> = (tx: Tx, written: WrittenBytes) => Promise<Result>;

/** `commit` runs in the transaction that keeps the blob, and has to refer to it. */
export async function storeBytes<Result>(
  context: ObjectsContext,
  input: WriteInput,
  commit: Commit<Result>,
): Promise<Result> {
  const { lengthBytes } = input.source;
  if (lengthBytes !== undefined && lengthBytes > input.maxBytes) {
    throw uploadTooLarge(lengthBytes, input.maxBytes);
  }
  const { log } = context;
  const isSmall = lengthBytes !== undefined && lengthBytes <= MAX_LOGGED_BYTES;
  return isSmall && log !== undefined
    ? await storeInLog(context, log, input, commit)
    : await storeInFile(context, input, commit);
}

async function storeInFile<Result>(
  context: ObjectsContext,
  input: WriteInput,
  commit: Commit<Result>,
): Promise<Result> {
  const id = newRandomId(context.random);
  const held = context.busy.hold([id]);
  try {
    const createdAtMs = context.clock.nowMs();
    const blob = { id, createdAtMs, gatewayId: context.gateway.id };
    await context.db.statement((db) => insertUploadingBlob(db, blob));
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

async function storeInLog<Result>(
  context: ObjectsContext,
  log: BlobLog,
  { source, algorithms, seal }: WriteInput,
  commit: Commit<Result>,
): Promise<Result> {
  const digests = new DigestSet([...algorithms, ...source.algorithms]);
  const bytes = await collect(source.chunks);
  digests.update(bytes);
  source.verify(digests);
  const nonce = seal === undefined ? null : newNonce(context);
  const stored =
    seal === undefined ? bytes : cryptWhole(bytes, { key: seal.key, nonce: nonce!, offset: 0 });
  const id = newRandomId(context.random);
  const createdAtMs = context.clock.nowMs();
  const keepLogged = async (tx: Tx, blob: LoggedBlob) => {
    await insertLoggedBlob(tx, { ...blob, ...blob.place, createdAtMs });
    return await commit(tx, { blob, digests, nonce });
  };
  const journaled = context.db.journaledBy?.(log.journal);
  if (journaled === undefined) {
    using blob = await log.append(id, stored);
    return await context.db.transaction((tx) => keepLogged(tx, blob));
  }
  using pins = new DisposableStack();
  return await journaled((tx) => keepLogged(tx, pins.use(log.journal.stage(id, stored))));
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > MAX_LOGGED_BYTES) throw uploadTooLarge(length, MAX_LOGGED_BYTES);
    pieces.push(chunk);
  }
  return Buffer.concat(pieces);
}

async function writeVerified(
  context: ObjectsContext,
  id: string,
  { source, algorithms, maxBytes, seal }: WriteInput,
): Promise<WrittenBytes> {
  const { chunks, lengthBytes } = source;
  using digests = context.hashing.digest([...algorithms, ...source.algorithms], lengthBytes);
  const nonce = seal === undefined ? null : newNonce(context);
  const sealing = seal === undefined ? {} : { seal: sealer(seal, nonce!) };
  let finished: Promise<Digests> | undefined;
  const finish = () => (finished ??= digests.finish());
  const isKept = seal === undefined && [...algorithms, ...source.algorithms].includes('md5');
  const md5 = isKept ? { md5: async () => (await finish()).get('md5') } : {};
  const blob = await context.blobs.write({
    ...{ id, chunks, digests, lengthBytes, maxBytes },
    ...{ ...sealing, ...md5 },
  });
  const found = await finish();
  source.verify(found);
  return { blob, digests: found, nonce };
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
