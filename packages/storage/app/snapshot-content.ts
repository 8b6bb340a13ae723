// Owns reading what a snapshot holds, in either of its forms: where its blocks are, and their bytes once checked.

import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import { blockAt, countBlocks, findInList, isBlockList, LIST_BLOCKS } from './block-list.ts';
import { type Compressor, digestOf, readBody, unpackChunk } from './chunk-codec.ts';
import {
  CHUNKED_FORMAT,
  type ChunkedManifest,
  chunkKey,
  parseChunkedManifest,
} from './chunked-manifest.ts';
import type { EncryptionKeys } from './encryption-keys.ts';
import { Recent } from './recent.ts';
import { type BlockForm, PLAIN_BLOCKS, sealedBlocks } from './sealed-blocks.ts';
import { damaged } from './snapshot-damage.ts';
import {
  blockKey,
  listKey,
  MAX_MANIFEST_BYTES,
  manifestKey,
  parseManifest,
  parseManifestJson,
  requireSealed,
  SNAPSHOT_BUCKET,
  type SnapshotManifest,
} from './snapshot-manifest.ts';

/** Where a block is that is not all zeros. */
export interface ContentBlock {
  index: number;
  key: string;
  /** Of the unpacked bytes; in an encrypted snapshot a keyed digest. */
  sha256: string;
  encoding: 'raw' | 'zstd';
  storedBytes: number;
}

export interface SnapshotContent {
  readonly snapshotId: SnapshotId;
  readonly volumeSizeBytes: number;
  readonly blockBytes: number;
  /** Of the blocks' sharing; undefined when the snapshot has them alone. */
  readonly scope?: string;
  readonly form: BlockForm;
  /** Undefined for zeros. */
  find(index: number): Promise<ContentBlock | undefined>;
  /** In order of index. */
  blocks(): AsyncIterable<ContentBlock>;
}

/** Where a snapshot is, and what opens it. */
export interface ContentSource {
  objects: ObjectsClient;
  keys: EncryptionKeys;
}

export async function openSnapshotContent(
  { objects, keys }: ContentSource,
  id: SnapshotId,
): Promise<SnapshotContent> {
  const parsed = parseManifestJson(await fetchManifest(objects, id), id);
  const format = (parsed as { format?: unknown } | null)?.format;
  if (format === CHUNKED_FORMAT) return chunkedContent(parseChunkedManifest(parsed, id));
  const manifest = parseManifest(parsed, id);
  return listedContent(objects, manifest, openForm(keys, manifest));
}

function openForm(keys: EncryptionKeys, manifest: SnapshotManifest): BlockForm {
  const { sealing, snapshotId } = manifest;
  if (sealing === undefined) return PLAIN_BLOCKS;
  const key = keys.openAccountKey(sealing.accountId, sealing.envelope);
  requireSealed(manifest, key, snapshotId);
  return sealedBlocks(key, keys.random);
}

/** The bytes of a block at their full length. Throws digest-mismatch unless they are what was stored. */
export async function fetchBlock(
  { objects, compressor }: { objects: ObjectsClient; compressor: Compressor },
  content: SnapshotContent,
  block: ContentBlock,
): Promise<Buffer> {
  const { snapshotId, blockBytes, volumeSizeBytes } = content;
  const length = Math.min(blockBytes, volumeSizeBytes - block.index * blockBytes);
  const { form, scope = '' } = content;
  const maxBytes = length + form.overheadBytes;
  const stored = await fetchObject(objects, block.key, maxBytes).catch((error: unknown) => {
    if (!isServiceError(error, 'not-found')) throw error;
    throw damaged(snapshotId, `block ${block.index} is not in the object store`, error);
  });
  const { encoding, sha256 } = block;
  const packed = stored && form.open({ scope, name: sha256, encoding }, stored);
  const expected = { encoding, sha256, length, identify: form.identify };
  const bytes = packed && (await unpackChunk(compressor, packed, expected));
  if (bytes === undefined) throw damaged(snapshotId, `block ${block.index} is not what was stored`);
  return bytes;
}

async function fetchManifest(objects: ObjectsClient, id: SnapshotId): Promise<Buffer> {
  const fetched = fetchObject(objects, manifestKey(id), MAX_MANIFEST_BYTES);
  const bytes = await fetched.catch((error: unknown) => {
    if (!isServiceError(error, 'not-found')) throw error;
    throw new ServiceError({
      kind: 'not-found',
      resource: 'snapshot',
      message: `The snapshot ${id} is not in the object store.`,
      cause: error,
    });
  });
  if (bytes === undefined) throw damaged(id, 'its manifest is too long');
  return bytes;
}

/** Undefined when there is more of it than that. */
async function fetchObject(
  objects: ObjectsClient,
  key: string,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const { body } = await objects.getObject({ bucket: SNAPSHOT_BUCKET, key });
  return await readBody(body, maxBytes);
}

function chunkedContent(manifest: ChunkedManifest): SnapshotContent {
  const { snapshotId, volumeSizeBytes, chunkBytes } = manifest;
  const blocks = manifest.chunks.map(({ index, sha256, encoding, storedBytes }) => {
    const key = chunkKey(snapshotId, index);
    return { index, key, sha256, encoding, storedBytes };
  });
  const byIndex = new Map(blocks.map((block) => [block.index, block]));
  return {
    snapshotId,
    volumeSizeBytes,
    blockBytes: chunkBytes,
    form: PLAIN_BLOCKS,
    find: async (index) => byIndex.get(index),
    blocks: async function* () {
      yield* blocks;
    },
  };
}

/** Lists are at most 2.5 MiB each; a reader goes from one to the next, and a guest's reads jump among a few. */
const LISTS_KEPT = 4;

function listedContent(
  objects: ObjectsClient,
  manifest: SnapshotManifest,
  form: BlockForm,
): SnapshotContent {
  const { snapshotId, volumeSizeBytes, blockBytes, scope } = manifest;
  const kept = new Recent<Buffer>(LISTS_KEPT);
  const digests = new Map(manifest.lists.map(({ number, sha256 }) => [number, sha256]));
  const load = (number: number) =>
    kept.get(`${number}`, () => fetchList(objects, snapshotId, number, digests.get(number)!));
  const describe = (number: number, { at, ...block }: ReturnType<typeof blockAt>) => {
    const key = blockKey(scope, block.sha256);
    return { index: number * LIST_BLOCKS + at, key, ...block };
  };
  return {
    snapshotId,
    volumeSizeBytes,
    blockBytes,
    scope,
    form,
    find: async (index) => {
      const number = Math.floor(index / LIST_BLOCKS);
      if (!digests.has(number)) return undefined;
      const found = findInList(await load(number), index % LIST_BLOCKS);
      return found === undefined ? undefined : describe(number, found);
    },
    blocks: async function* () {
      for (const { number } of manifest.lists) {
        const list = await load(number);
        for (let n = 0; n < countBlocks(list); n++) yield describe(number, blockAt(list, n));
      }
    },
  };
}

async function fetchList(
  objects: ObjectsClient,
  id: SnapshotId,
  number: number,
  sha256: string,
): Promise<Buffer> {
  const bytes = await fetchObject(objects, listKey(id, number), MAX_MANIFEST_BYTES);
  if (bytes === undefined || digestOf(bytes) !== sha256 || !isBlockList(bytes)) {
    throw damaged(id, `its list ${number} is not what was stored`);
  }
  return bytes;
}
