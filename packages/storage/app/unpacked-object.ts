// Owns reading what an object holds, unpacked: bytes that anybody may have stored, checked against what was said of them.

import { createHash } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import { createUnpacker, type Unpacker } from '@ironbark/platform/unpacking.ts';
import type { ImageBlob } from '@ironbark/protocol/internal/instance-messages.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';

type Chunks = AsyncIterable<Buffer>;

/** The unpacked bytes in pieces of this length, the last one shorter. Whether all was right is known at the end. */
export async function* readUnpacked(
  objects: Pick<ObjectsClient, 'getObject'>,
  source: ImageBlob,
  pieceBytes: number,
): AsyncGenerator<Buffer> {
  const { body } = await objects.getObject({ bucket: source.bucket, key: source.key });
  const stored = checkStored(body as Chunks, source);
  const unpacked = source.encoding === 'zstd' ? unpack(stored) : stored;
  yield* cutUp(checkLength(unpacked, source), pieceBytes);
}

async function* checkStored(body: Chunks, source: ImageBlob): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > source.sizeBytes) throw damaged('it is longer than was said');
    hash.update(chunk);
    yield chunk;
  }
  if (size === source.sizeBytes && hash.digest('hex') === source.sha256) return;
  throw damaged('its bytes do not match their digest');
}

async function* unpack(stored: Chunks): AsyncGenerator<Buffer> {
  const unpacker = createUnpacker();
  const feeding = feed(stored, unpacker);
  // Whoever reads on sees it fail.
  feeding.catch((error: Error) => unpacker.destroy(error));
  try {
    yield* unpacker as Chunks;
    await feeding;
  } catch (error) {
    const isZstd = error instanceof Error && 'code' in error && /ZSTD/.test(String(error.code));
    throw isZstd ? damaged('its bytes cannot be unpacked', error) : error;
  } finally {
    unpacker.destroy();
  }
}

async function feed(stored: Chunks, unpacker: Unpacker): Promise<void> {
  for await (const chunk of stored) {
    if (unpacker.destroyed) return;
    await new Promise<void>((resolve, reject) => {
      unpacker.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
  unpacker.end();
}

async function* checkLength(unpacked: Chunks, source: ImageBlob): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of unpacked) {
    size += chunk.length;
    if (size > source.unpackedBytes) throw damaged('it unpacks to more than was said');
    yield chunk;
  }
  if (size < source.unpackedBytes) throw damaged('it unpacks to less than was said');
}

async function* cutUp(chunks: Chunks, pieceBytes: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let held = 0;
  for await (let chunk of chunks) {
    while (held + chunk.length >= pieceBytes) {
      const rest = pieceBytes - held;
      yield Buffer.concat([...parts, chunk.subarray(0, rest)]);
      chunk = chunk.subarray(rest);
      parts = [];
      held = 0;
    }
    parts.push(chunk);
    held += chunk.length;
  }
  if (held > 0) yield Buffer.concat(parts);
}

function damaged(what: string, cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'digest-mismatch',
    resource: 'snapshot',
    message: `The object that the snapshot is made of is damaged: ${what}.`,
    cause,
  });
}
