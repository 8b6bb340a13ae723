// Owns blobs as objects of an S3-compatible engine, `<store>/<id>`: written once, checked block by block on reading. What
// the engine has acknowledged is durable as far as the engine is.
//
//   length known      one PUT, its bytes passed on as they come; fewer than were announced leave nothing
//   length unknown    parts; an upload that nobody ends is aborted, at the latest by the look for strays

import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { ServiceError } from '@ironbark/core/errors.ts';
import { BLOCK_BYTES, cutBlock, giveBack, takeBlock } from '@ironbark/platform/blocks.ts';
import type {
  BlobStore,
  OpenBlob,
  StoredBlob,
  UnfinishedBlob,
  WriteBlobInput,
} from './blob-store.ts';
import { DamagedBlobError, decodeCrcs, encodeCrcs } from './block-crcs.ts';
import { writeBlocks } from './block-writing.ts';
import type { HashThreads } from './hash-threads.ts';
import { EngineError, outage, type S3Engine } from './s3-engine.ts';
import { MultipartSink } from './s3-multipart.ts';

const GROUPS: readonly string[] = Array.from({ length: 256 }, (_, i) =>
  i.toString(16).padStart(2, '0'),
);
const ID = '[0-9a-f]{32}';
const ID_PATTERN = new RegExp(`^${ID}$`);
const MAX_LISTED = 1_000;
/** Of a read that breaks off before its next block has come. */
const MAX_OPENINGS = 3;

export class S3BlobStore implements BlobStore {
  /** An engine that is away may be back the next moment. */
  readonly failure = undefined;
  readonly #engine: S3Engine;
  readonly #prefix: string;
  readonly #hashing: HashThreads;

  /** `storeId`: of the state whose blobs these are; others may use the same bucket. */
  constructor(engine: S3Engine, storeId: string, hashing: HashThreads) {
    this.#engine = engine;
    this.#hashing = hashing;
    this.#prefix = storeId;
  }

  groups(): readonly string[] {
    return GROUPS;
  }

  async list(group: string): Promise<string[]> {
    const prefix = `${this.#prefix}/${group}`;
    const ids: string[] = [];
    for (let after = ''; ; ) {
      const query = { 'list-type': '2', prefix, ...(after === '' ? {} : { 'start-after': after }) };
      const page = await this.#ask({ method: 'GET', query });
      const found = this.#idsIn(page);
      ids.push(...found);
      const last = found.at(-1);
      if (!page.includes('<IsTruncated>true') || last === undefined) return ids;
      const reached = this.#key(last);
      if (reached <= after) throw outage(new Error(`the object engine lists ${reached} again`));
      after = reached;
    }
  }

  async listUnfinished(group: string): Promise<UnfinishedBlob[]> {
    const prefix = `${this.#prefix}/${group}`;
    const query = { uploads: '', prefix, 'max-uploads': String(MAX_LISTED) };
    const page = await this.#ask({ method: 'GET', query });
    return [...page.matchAll(/<Upload>(.*?)<\/Upload>/gs)].flatMap(([upload]) => {
      const [id] = this.#idsIn(upload);
      const uploadId = /<UploadId>([^<&]+)<\/UploadId>/.exec(upload)?.[1];
      return id === undefined || uploadId === undefined ? [] : [{ id, uploadId }];
    });
  }

  async abandon({ id, uploadId }: UnfinishedBlob): Promise<void> {
    await this.#removeAt({ key: this.#key(id), query: { uploadId } });
  }

  async write(input: WriteBlobInput): Promise<StoredBlob> {
    const key = this.#key(input.id);
    const { lengthBytes } = input;
    if (lengthBytes === undefined) return await this.#writeParts(key, input);
    if (lengthBytes > input.maxBytes) throw tooLarge();
    if (lengthBytes <= BLOCK_BYTES) return await this.#writeAtOnce(key, input, lengthBytes);
    const upload = await this.#engine.put({ method: 'PUT', key }, lengthBytes);
    using own = input.md5 === undefined ? this.#hashing.digest(['md5'], lengthBytes) : undefined;
    const write = async (bytes: Uint8Array) => {
      const works = [upload.write(bytes), own?.update(bytes)];
      // Until both have ended somebody looks at the bytes.
      await Promise.allSettled(works);
      await Promise.all(works);
    };
    try {
      const written = await writeBlocks({ sum: 'crc32', write, settle: async () => {} }, input);
      if (written.sizeBytes !== lengthBytes) throw shorter(written.sizeBytes, lengthBytes);
      await upload.finish(input.md5 ?? (async () => (await own!.finish()).get('md5')));
      return { id: input.id, ...written };
    } catch (error) {
      upload.abort();
      throw error;
    }
  }

  /** The engine checks the digest of what is sent in one piece, and it can be sent again. */
  async #writeAtOnce(
    key: string,
    { id, chunks, digests, seal }: WriteBlobInput,
    sizeBytes: number,
  ): Promise<StoredBlob> {
    using _ = await this.#engine.takeRoom(seal === undefined ? sizeBytes : 2 * sizeBytes);
    const whole = await this.#gather(chunks, sizeBytes);
    await digests?.update(whole);
    const kept = seal?.(whole) ?? whole;
    await this.#ask({ method: 'PUT', key }, kept);
    return { id, sizeBytes, blockCrcs: encodeCrcs(sizeBytes === 0 ? [] : [crc32(kept)]) };
  }

  /** Within a time: who sends slowly keeps the room from others. */
  async #gather(chunks: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<Buffer> {
    using limit = this.#engine.limitGathering();
    const timed = withDeadline(chunks, limit.late);
    return await gather(timed, sizeBytes);
  }

  async #writeParts(key: string, input: WriteBlobInput): Promise<StoredBlob> {
    const giveBack = await this.#engine.takeTurn('gathered');
    const sink = new MultipartSink(this.#engine, key, this.#hashing);
    try {
      const written = await writeBlocks(sink, input);
      await sink.finish();
      return { id: input.id, ...written };
    } catch (error) {
      // Without an answer it is left to the look for strays.
      await sink.abort().catch(() => {});
      throw error instanceof EngineError ? outage(error) : error;
    } finally {
      giveBack();
    }
  }

  async open(blob: StoredBlob): Promise<OpenBlob> {
    return {
      read: (start, end) => this.#read(blob, start, end),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async *#read(blob: StoredBlob, start: number, end: number): AsyncGenerator<Uint8Array> {
    const crcs = decodeCrcs(blob.blockCrcs);
    const last = Math.floor(end / BLOCK_BYTES);
    let next = Math.floor(start / BLOCK_BYTES);
    for (let openings = 1; next <= last; openings++) {
      try {
        for await (const block of this.#blocksFrom(blob, next, last)) {
          const at = next * BLOCK_BYTES;
          if (crc32(block) !== crcs[next]) {
            giveBack(block);
            throw new DamagedBlobError(blob.id, `block ${next}`);
          }
          next += 1;
          openings = 0;
          yield cutBlock(block, Math.max(start - at, 0), Math.min(end + 1 - at, block.length));
        }
      } catch (error) {
        if (error instanceof DamagedBlobError || error instanceof ServiceError) throw error;
        if (openings >= MAX_OPENINGS) throw outage(error);
      }
    }
  }

  /** Whole blocks, the last one of the blob as short as it is. */
  async *#blocksFrom(blob: StoredBlob, first: number, last: number): AsyncGenerator<Buffer> {
    const from = first * BLOCK_BYTES;
    const to = Math.min((last + 1) * BLOCK_BYTES, blob.sizeBytes) - 1;
    const answer = await this.#openAt(blob, from, to);
    let filling: Buffer | undefined;
    let whole: Buffer | undefined;
    let filled = 0;
    let left = to + 1 - from;
    try {
      for await (const piece of answer as AsyncIterable<Buffer>) {
        for (let at = 0; at < piece.length; ) {
          const size = Math.min(BLOCK_BYTES, left + filled);
          filling ??= takeBlock();
          const part = piece.subarray(at, at + size - filled);
          filling.set(part, filled);
          filled += part.length;
          at += part.length;
          left -= part.length;
          if (filled < size) continue;
          const block = cutBlock(filling, 0, size);
          filling = undefined;
          filled = 0;
          if (left === 0) {
            whole = block;
            break;
          }
          using _ = this.#engine.pause(answer);
          yield block;
        }
      }
    } catch (error) {
      if (whole !== undefined) giveBack(whole);
      throw error;
    } finally {
      if (filling !== undefined) giveBack(filling);
      answer.destroy();
    }
    // By now the connection is free for others, however long its bytes take to their reader.
    if (whole !== undefined) yield whole;
    if (left > 0) throw new Error(`blob ${blob.id}: the engine broke off ${left} bytes early`);
  }

  async #openAt(blob: StoredBlob, from: number, to: number): Promise<IncomingMessage> {
    const isWhole = from === 0 && to === blob.sizeBytes - 1;
    const headers = isWhole ? {} : { range: `bytes=${from}-${to}` };
    try {
      const call = { method: 'GET' as const, key: this.#key(blob.id), headers };
      const answer = await this.#engine.open(call);
      const length = Number(answer.headers['content-length']);
      if (length === to + 1 - from) return answer;
      answer.destroy();
      throw new DamagedBlobError(blob.id, `${length} bytes where ${to + 1 - from} were asked for`);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const isLost = error.status === 404 || error.status === 416;
      throw isLost
        ? new DamagedBlobError(blob.id, `it is not there: ${error.status}`)
        : outage(error);
    }
  }

  async remove(id: string): Promise<void> {
    await this.#removeAt({ key: this.#key(id) });
  }

  async #removeAt(what: { key: string; query?: Record<string, string> }): Promise<void> {
    try {
      await this.#engine.call({ method: 'DELETE', ...what });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.status !== 404) throw outage(error);
    }
  }

  async #ask(call: Parameters<S3Engine['call']>[0], body?: Uint8Array): Promise<string> {
    try {
      return await this.#engine.call(call, body);
    } catch (error) {
      throw error instanceof EngineError ? outage(error) : error;
    }
  }

  #idsIn(document: string): string[] {
    const keys = new RegExp(`<Key>${this.#prefix}/(${ID})</Key>`, 'g');
    return [...document.matchAll(keys)].map(([, id]) => id!);
  }

  /** Ids are our own random digits; a key of a client never gets here. */
  #key(id: string): string {
    if (!ID_PATTERN.test(id)) throw new Error(`not the id of a blob: ${id}`);
    return `${this.#prefix}/${id}`;
  }
}

/** Makes the bucket where it is missing. Throws an Error with a sentence where the engine cannot be used. */
export async function ensureEngineBucket(engine: S3Engine): Promise<void> {
  if (await hasBucket(engine)) return;
  try {
    await engine.call({ method: 'PUT' });
  } catch (error) {
    // Another gateway that starts at the same time may have made it since.
    if (!(isRefusedAs(error, 409) && (await hasBucket(engine)))) throw error;
  }
}

async function hasBucket(engine: S3Engine): Promise<boolean> {
  try {
    await engine.call({ method: 'HEAD' });
    return true;
  } catch (error) {
    if (isRefusedAs(error, 404)) return false;
    throw error;
  }
}

function isRefusedAs(error: unknown, status: number): boolean {
  return error instanceof EngineError && error.status === status;
}

/** Where `late` rejects it ends with that, also while no chunk comes; whoever makes the chunks ends when the next one does. */
async function* withDeadline(
  chunks: AsyncIterable<Uint8Array>,
  late: Promise<never>,
): AsyncGenerator<Uint8Array> {
  const source = chunks[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<Uint8Array>> | undefined;
  try {
    for (;;) {
      next = source.next();
      const { value, done } = await Promise.race([next, late]);
      next = undefined;
      if (done === true) return;
      yield value;
    }
  } finally {
    next?.then(({ value }) => value !== undefined && giveBack(value)).catch(() => {});
    const ended = Promise.resolve(source.return?.()).catch(() => {});
    // It waits for a chunk that may never come.
    if (next === undefined) await ended;
  }
}

async function gather(chunks: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafe(sizeBytes);
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled + chunk.length > sizeBytes) throw tooLarge();
    whole.set(chunk, filled);
    filled += chunk.length;
    giveBack(chunk);
  }
  if (filled < sizeBytes) throw shorter(filled, sizeBytes);
  return whole;
}

function shorter(found: number, announced: number): Error {
  return new Error(`${found} bytes came where ${announced} were announced`);
}

function tooLarge(): ServiceError {
  return new ServiceError({
    kind: 'too-large',
    resource: 'object',
    message: 'Your proposed upload exceeds the maximum allowed size.',
  });
}
