// Owns a blob on its way to an engine whose length nobody has said: parts, one after another; one PUT where it is short.

import type { BlockSink } from './block-writing.ts';
import type { HashThreads } from './hash-threads.ts';
import { EngineError, type S3Engine } from './s3-engine.ts';

/** The least that S3 takes; 10,000 of them are more than a form may have. This is what each upload holds of memory. */
const PART_BYTES = 5 * 1024 * 1024;

export class MultipartSink implements BlockSink {
  readonly sum = 'crc32';
  readonly #engine: S3Engine;
  readonly #key: string;
  readonly #hashing: HashThreads;
  readonly #etags: string[] = [];
  #pieces: Buffer[] = [];
  #length = 0;
  #uploadId: string | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(engine: S3Engine, key: string, hashing: HashThreads) {
    this.#engine = engine;
    this.#hashing = hashing;
    this.#key = key;
  }

  async write(bytes: Uint8Array): Promise<void> {
    // The block is used again once this resolves.
    const piece = Buffer.from(bytes);
    this.#last = this.#last.then(() => this.#append(piece));
    await this.#last;
  }

  async settle(): Promise<void> {}

  /** Resolves when the engine has said that it has all of it. */
  async finish(): Promise<void> {
    await this.#last;
    if (this.#uploadId === undefined) {
      await this.#engine.call({ method: 'PUT', key: this.#key }, this.#take());
      return;
    }
    if (this.#length > 0) await this.#sendPart();
    const parts = this.#etags.map(
      (etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>"${etag}"</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    const query = { uploadId: this.#uploadId };
    const call = { method: 'POST' as const, key: this.#key, query };
    const answer = await this.#engine.call(call, body);
    // The status may come before the end is known.
    if (answer.includes('<Error>')) throw new EngineError(call, 500, answer);
  }

  async abort(): Promise<void> {
    await this.#last.catch(() => {});
    if (this.#uploadId === undefined) return;
    const query = { uploadId: this.#uploadId };
    await this.#engine.call({ method: 'DELETE', key: this.#key, query });
  }

  async #append(piece: Buffer): Promise<void> {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length >= PART_BYTES) await this.#sendPart();
  }

  async #sendPart(): Promise<void> {
    this.#uploadId ??= await this.#begin();
    const query = { partNumber: String(this.#etags.length + 1), uploadId: this.#uploadId };
    const call = { method: 'PUT' as const, key: this.#key, query };
    const upload = await this.#engine.put(call, this.#length);
    using digests = this.#hashing.digest(['md5'], this.#length);
    try {
      for (const piece of this.#pieces.splice(0)) {
        await Promise.all([upload.write(piece), digests.update(piece)]);
      }
      this.#length = 0;
      const md5 = async () => (await digests.finish()).get('md5');
      this.#etags.push(await upload.finish(md5));
    } catch (error) {
      upload.abort();
      throw error;
    }
  }

  async #begin(): Promise<string> {
    const call = { method: 'POST' as const, key: this.#key, query: { uploads: '' } };
    const answer = await this.#engine.call(call);
    const id = /<UploadId>([^<&]+)<\/UploadId>/.exec(answer)?.[1];
    if (id === undefined) throw new EngineError(call, 500, answer);
    return id;
  }

  #take(): Buffer {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    return bytes;
  }
}
