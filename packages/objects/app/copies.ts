// Owns copies of objects: where nothing has to be encrypted anew the copy refers to the same blobs and no byte moves.

import type { ChecksumAlgorithm } from '@ironbark/protocol/s3/checksums.ts';
import { listSegments } from '../store/objects.ts';
import type { BucketTable } from '../store/schema.ts';
import { plainSource } from './byte-source.ts';
import { newRandomId, type ObjectsContext } from './context.ts';
import type { CustomerKey, ObjectSeal } from './encryption.ts';
import { openObject } from './object-reading.ts';
import type { ObjectIntent, ObjectVersion } from './object-version.ts';
import { fromVersionRow } from './object-version.ts';
import { putObject } from './objects.ts';
import type { WriteConditions } from './preconditions.ts';
import { getSelectedRow, type VersionName } from './version-lookup.ts';
import { addVersion } from './versions.ts';

export interface CopyInput {
  source: VersionName;
  target: { bucket: BucketTable; key: string };
  /** Looks at the source; throws when it must not be copied; says what the copy is given. */
  describe(source: ObjectVersion): ObjectIntent;
  conditions: WriteConditions;
  /** Of the copy; undefined: its bytes are kept as they are. */
  seal: ObjectSeal | undefined;
  /** What opens a source that its owner's key encrypts. */
  sourceKey: CustomerKey | undefined;
  /** The copy is to have this one. */
  checksum: ChecksumAlgorithm | undefined;
}

export async function copyObject(
  context: ObjectsContext,
  input: CopyInput,
): Promise<ObjectVersion> {
  const source = fromVersionRow(await getSelectedRow(context.db.query, input.source));
  const shared = mayShare(source, input) ? await shareBytes(context, input) : undefined;
  return shared ?? (await rewrite(context, input));
}

function mayShare({ encryption, checksum }: ObjectVersion, input: CopyInput): boolean {
  const isAlike = input.checksum === undefined || input.checksum === checksum?.algorithm;
  return encryption === undefined && input.seal === undefined && isAlike;
}

/** Undefined where the source is another one by now, whose bytes cannot be shared. */
async function shareBytes(
  context: ObjectsContext,
  input: CopyInput,
): Promise<ObjectVersion | undefined> {
  const { target, conditions } = input;
  return await context.db.transaction(async (tx) => {
    const original = fromVersionRow(await getSelectedRow(tx, input.source));
    if (!mayShare(original, input)) return undefined;
    const intent = input.describe(original);
    const { sizeBytes, etag, checksum } = original;
    const version = {
      ...intent,
      ...{ sizeBytes, etag, checksum },
      id: newRandomId(context.random),
      key: target.key,
      isDeleteMarker: false,
      encryption: undefined,
      uploadId: undefined,
      lastModifiedMs: context.clock.nowMs(),
    };
    const segments = (await listSegments(tx, original.id)).map((segment) => ({
      blob_id: segment.blobId,
      size_bytes: segment.sizeBytes,
      nonce: segment.nonce,
      checksum_value: segment.checksum,
    }));
    return await addVersion(context, tx, { bucket: target.bucket, version, segments, conditions });
  });
}

async function rewrite(context: ObjectsContext, input: CopyInput): Promise<ObjectVersion> {
  const { source, target, conditions, seal } = input;
  using object = await openObject(context, source, input.sourceKey);
  const intent = input.describe(object.version);
  const { sizeBytes, checksum } = object.version;
  const bytes = plainSource(object.read({ start: 0, end: sizeBytes - 1 }), {
    lengthBytes: sizeBytes,
    checksum: input.checksum ?? checksum?.algorithm,
  });
  return await putObject(context, { ...target, intent, source: bytes, conditions, seal });
}
