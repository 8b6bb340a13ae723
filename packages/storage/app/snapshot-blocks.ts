// Owns reading snapshots by EBS's blocks. Snapshots of earlier versions have larger chunks: where those of two
// snapshots differ, their bytes say which blocks do.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import {
  type BlockPage,
  type BlockRange,
  type ChangedBlock,
  SNAPSHOT_BLOCK_BYTES,
  type SnapshotReader,
} from '@ironbark/protocol/internal/snapshot-reader.ts';
import type { StorageContext } from './context.ts';
import { Recent } from './recent.ts';
import {
  type ContentBlock,
  fetchBlock,
  openSnapshotContent,
  type SnapshotContent,
} from './snapshot-content.ts';

/** A manifest never changes, and one is read for many blocks. */
const MANIFESTS_KEPT = 4;
/** Each has up to 16 MiB; the blocks of a chunk are asked for one after another. */
const PARTS_KEPT = 4;
/** For one page: about a second's work. */
const BLOCKS_READ = 256;
const BLOCKS_LOOKED_AT = 262_144;

type BlockSource = Pick<StorageContext, 'objects' | 'compressor' | 'keys'>;

export function createSnapshotReader(context: BlockSource): SnapshotReader {
  const contents = new Contents(context);
  return {
    listBlocks: async (id, range) => listBlocks(await contents.open(id), range),
    listChangedBlocks: ({ first, second }, range) => contents.compare(first, second, range),
    readBlock: async (id, index) => contents.readBlock(await contents.open(id), index),
  };
}

interface Opened {
  content: SnapshotContent;
  blocks: number;
  /** EBS's blocks in one of the content's. */
  blocksInPart: number;
}

class Contents {
  readonly #context: BlockSource;
  readonly #opened = new Recent<Opened>(MANIFESTS_KEPT);
  readonly #parts = new Recent<Buffer>(PARTS_KEPT);

  constructor(context: BlockSource) {
    this.#context = context;
  }

  open(id: SnapshotId): Promise<Opened> {
    return this.#opened.get(id, async () => {
      const content = await openSnapshotContent(this.#context, id);
      return {
        content,
        blocks: Math.ceil(content.volumeSizeBytes / SNAPSHOT_BLOCK_BYTES),
        blocksInPart: content.blockBytes / SNAPSHOT_BLOCK_BYTES,
      };
    });
  }

  async readBlock(opened: Opened, index: number): Promise<Buffer> {
    const part = await findPart(opened, index);
    const block = Buffer.alloc(SNAPSHOT_BLOCK_BYTES);
    if (part === undefined) return block;
    const bytes = await this.#readPart(opened, part);
    const offset = (index % opened.blocksInPart) * SNAPSHOT_BLOCK_BYTES;
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
      const { blocks, ...rest } = await listBlocks(second, range);
      const changed = blocks.map((index) => ({ index, isInFirst: false, isInSecond: true }));
      return { blocks: changed, ...rest };
    }
    return this.#compareBlocks(await this.open(firstId), second, range);
  }

  async #compareBlocks(
    first: Opened,
    second: Opened,
    { from, limit }: BlockRange,
  ): Promise<BlockPage<ChangedBlock>> {
    const found: ChangedBlock[] = [];
    const end = Math.max(first.blocks, second.blocks);
    let read = 0;
    for (let index = from; index < end; index++) {
      const isPageFull = found.length === limit || index - from === BLOCKS_LOOKED_AT;
      if (isPageFull || read >= BLOCKS_READ) return { blocks: found, next: index };
      const [left, right] = [await findPart(first, index), await findPart(second, index)];
      const isSameForm = first.blocksInPart === second.blocksInPart;
      if (left?.sha256 === right?.sha256 && isSameForm) continue;
      const isCertain = isSameForm && first.blocksInPart === 1;
      if (!isCertain) read += 1;
      if (!isCertain && !(await this.#differ(first, second, index))) continue;
      found.push({ index, isInFirst: left !== undefined, isInSecond: right !== undefined });
    }
    return { blocks: found };
  }

  async #differ(first: Opened, second: Opened, index: number): Promise<boolean> {
    const [left, right] = [await this.readBlock(first, index), await this.readBlock(second, index)];
    return !left.equals(right);
  }

  #readPart({ content }: Opened, part: ContentBlock): Promise<Buffer> {
    const key = `${content.snapshotId} ${part.index}`;
    return this.#parts.get(key, () => fetchBlock(this.#context, content, part));
  }
}

function findPart({ content, blocksInPart }: Opened, index: number) {
  return content.find(Math.floor(index / blocksInPart));
}

async function listBlocks(opened: Opened, { from, limit }: BlockRange): Promise<BlockPage<number>> {
  const found: number[] = [];
  for (let index = from; index < opened.blocks; index++) {
    const isPageFull = found.length === limit || index - from === BLOCKS_LOOKED_AT;
    if (isPageFull) return { blocks: found, next: index };
    if ((await findPart(opened, index)) !== undefined) found.push(index);
  }
  return { blocks: found };
}
