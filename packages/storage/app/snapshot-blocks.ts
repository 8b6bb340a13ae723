// Owns reading snapshots by EBS's blocks. The chunks in the object store are larger than a block: where two snapshots'
// chunks differ, their bytes say which blocks do.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import {
  type BlockPage,
  type BlockRange,
  type ChangedBlock,
  SNAPSHOT_BLOCK_BYTES,
  type SnapshotReader,
} from '@ironbark/protocol/internal/snapshot-reader.ts';
import type { ManifestChunk, SnapshotManifest } from './snapshot-manifest.ts';
import { fetchChunk, fetchManifest } from './snapshot-reading.ts';

/** A manifest never changes, and one is read for many blocks. */
const MANIFESTS_KEPT = 4;
/** Each has up to 16 MiB; the blocks of a chunk are asked for one after another. */
const CHUNKS_KEPT = 4;
/** Of each snapshot, for one page: about a second's work. */
const CHUNKS_COMPARED = 32;

export function createSnapshotReader(objects: ObjectsClient): SnapshotReader {
  const contents = new Contents(objects);
  return {
    listBlocks: async (id, range) => listBlocks(await contents.open(id), range),
    listChangedBlocks: ({ first, second }, range) => contents.compare(first, second, range),
    readBlock: async (id, index) => contents.readBlock(await contents.open(id), index),
  };
}

interface Opened {
  manifest: SnapshotManifest;
  chunks: ReadonlyMap<number, ManifestChunk>;
  blocks: number;
  blocksInChunk: number;
}

class Contents {
  readonly #objects: ObjectsClient;
  readonly #opened = new Recent<Opened>(MANIFESTS_KEPT);
  readonly #chunks = new Recent<Buffer>(CHUNKS_KEPT);

  constructor(objects: ObjectsClient) {
    this.#objects = objects;
  }

  open(id: SnapshotId): Promise<Opened> {
    return this.#opened.get(id, async () => {
      const manifest = await fetchManifest(this.#objects, id);
      return {
        manifest,
        chunks: new Map(manifest.chunks.map((chunk) => [chunk.index, chunk])),
        blocks: Math.ceil(manifest.volumeSizeBytes / SNAPSHOT_BLOCK_BYTES),
        blocksInChunk: manifest.chunkBytes / SNAPSHOT_BLOCK_BYTES,
      };
    });
  }

  async readBlock(opened: Opened, index: number): Promise<Buffer> {
    const chunk = opened.chunks.get(Math.floor(index / opened.blocksInChunk));
    const block = Buffer.alloc(SNAPSHOT_BLOCK_BYTES);
    if (chunk === undefined) return block;
    const bytes = await this.#readChunk(opened, chunk);
    const offset = (index % opened.blocksInChunk) * SNAPSHOT_BLOCK_BYTES;
    bytes.copy(block, 0, offset, offset + SNAPSHOT_BLOCK_BYTES);
    return block;
  }

  async compare(
    firstId: SnapshotId | undefined,
    secondId: SnapshotId,
    range: BlockRange,
  ): Promise<BlockPage<ChangedBlock>> {
    const second = await this.open(secondId);
    if (firstId === undefined) {
      const { blocks, ...rest } = listBlocks(second, range);
      const changed = blocks.map((index) => ({ index, isInFirst: false, isInSecond: true }));
      return { blocks: changed, ...rest };
    }
    return this.#compareChunks(await this.open(firstId), second, range);
  }

  async #compareChunks(
    first: Opened,
    second: Opened,
    { from, limit }: BlockRange,
  ): Promise<BlockPage<ChangedBlock>> {
    const found: ChangedBlock[] = [];
    const end = Math.max(first.blocks, second.blocks);
    let compared = 0;
    for (let index = from; index < end; ) {
      const at = Math.floor(index / second.blocksInChunk);
      const chunkEnd = Math.min(end, (at + 1) * second.blocksInChunk);
      if (first.chunks.get(at)?.sha256 !== second.chunks.get(at)?.sha256) {
        if (compared === CHUNKS_COMPARED) return { blocks: found, next: index };
        compared += 1;
        for (; index < chunkEnd; index++) {
          if (found.length === limit) return { blocks: found, next: index };
          if (await this.#differ(first, second, index))
            found.push(describeChange(first, second, index));
        }
      }
      index = chunkEnd;
    }
    return { blocks: found };
  }

  async #differ(first: Opened, second: Opened, index: number): Promise<boolean> {
    const [left, right] = [await this.readBlock(first, index), await this.readBlock(second, index)];
    return !left.equals(right);
  }

  #readChunk({ manifest }: Opened, chunk: ManifestChunk): Promise<Buffer> {
    return this.#chunks.get(`${manifest.snapshotId} ${chunk.index}`, async () => {
      return (await fetchChunk(this.#objects, manifest, chunk)).bytes;
    });
  }
}

function describeChange(first: Opened, second: Opened, index: number): ChangedBlock {
  const at = Math.floor(index / second.blocksInChunk);
  return { index, isInFirst: first.chunks.has(at), isInSecond: second.chunks.has(at) };
}

function listBlocks(
  { chunks, blocks, blocksInChunk }: Opened,
  { from, limit }: BlockRange,
): BlockPage<number> {
  const found: number[] = [];
  for (let index = from; index < blocks; index++) {
    if (!chunks.has(Math.floor(index / blocksInChunk))) continue;
    if (found.length === limit) return { blocks: found, next: index };
    found.push(index);
  }
  return { blocks: found };
}

/** Keeps what was asked for last. What fails is not kept. */
class Recent<Value> {
  readonly #max: number;
  readonly #kept = new Map<string, Promise<Value>>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string, make: () => Promise<Value>): Promise<Value> {
    const value = this.#kept.get(key) ?? make();
    this.#kept.delete(key);
    this.#kept.set(key, value);
    value.catch(() => {
      if (this.#kept.get(key) === value) this.#kept.delete(key);
    });
    if (this.#kept.size > this.#max) this.#kept.delete(this.#kept.keys().next().value!);
    return value;
  }
}
