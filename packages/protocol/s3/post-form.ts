// Owns the reading of browsers' form uploads (multipart/form-data, RFC 7578): fields first, then the file as it comes.

import { ServiceError } from '@ironbark/core/errors.ts';

export interface PostForm {
  /** Names in lower case. */
  fields: ReadonlyMap<string, string>;
  file: {
    name: string;
    contentType: string | undefined;
    chunks: AsyncGenerator<Uint8Array>;
  };
}

/** AWS takes 20 KB of fields. */
const MAX_FIELD_BYTES = 64 * 1_024;
const MAX_HEAD_BYTES = 8 * 1_024;
const HEAD_END = Buffer.from('\r\n\r\n');

/** The boundary of such a body; undefined when it is another kind. */
export function parseFormBoundary(contentType: string | undefined): string | undefined {
  const match = /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(
    contentType ?? '',
  );
  return match === null ? undefined : (match[1] ?? match[2]);
}

/** Reads up to the file's first byte. */
export async function readPostForm(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
): Promise<PostForm> {
  const reader = new FormReader(body, boundary);
  await reader.skipToFirst();
  const fields = new Map<string, string>();
  let size = 0;
  for (;;) {
    const head = await reader.readHead();
    if (head.name === 'file') {
      const { filename = '', contentType } = head;
      return { fields, file: { name: filename, contentType, chunks: reader.readRest() } };
    }
    const value = await reader.readField(MAX_FIELD_BYTES - size);
    size += value.length;
    fields.set(head.name.toLowerCase(), value);
    if (reader.isOver) throw malformedForm('POST requires exactly one file upload per request');
  }
}

interface PartHead {
  name: string;
  filename: string | undefined;
  contentType: string | undefined;
}

class FormReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #delimiter: Buffer;
  #buffer = Buffer.alloc(0);
  isOver = false;

  constructor(body: AsyncIterable<Uint8Array>, boundary: string) {
    this.#source = body[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  async skipToFirst(): Promise<void> {
    // The first delimiter may stand at the very beginning, without a line end before it.
    this.#buffer = Buffer.from('\r\n');
    await this.#take(this.#delimiter, MAX_HEAD_BYTES);
  }

  async readHead(): Promise<PartHead> {
    const text = (await this.#take(HEAD_END, MAX_HEAD_BYTES)).toString('utf8');
    if (text.startsWith('--'))
      throw malformedForm('POST requires exactly one file upload per request');
    const header = (name: string) =>
      new RegExp(`(?:^|\\r\\n)${name}:[ \\t]*([^\\r\\n]*)`, 'i').exec(text)?.[1];
    const disposition = header('content-disposition') ?? '';
    const name = /[;\s]name="([^"]*)"/i.exec(disposition)?.[1];
    if (name === undefined) throw malformedForm('a part has no name');
    const filename = /[;\s]filename="([^"]*)"/i.exec(disposition)?.[1];
    return { name, filename, contentType: header('content-type') };
  }

  async readField(limit: number): Promise<string> {
    const bytes = await this.#take(this.#delimiter, limit);
    await this.#fill(2);
    this.isOver = this.#buffer.subarray(0, 2).toString() === '--';
    return bytes.toString('utf8');
  }

  async *readRest(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter);
      if (at >= 0) {
        if (at > 0) yield this.#buffer.subarray(0, at);
        await this.#drain();
        return;
      }
      const safe = this.#buffer.length - this.#delimiter.length;
      if (safe > 0) {
        yield this.#buffer.subarray(0, safe);
        this.#buffer = this.#buffer.subarray(safe);
      }
      await this.#more();
    }
  }

  /** What stands behind the file is thrown away. */
  async #drain(): Promise<void> {
    for (let next = await this.#source.next(); !next.done; ) next = await this.#source.next();
  }

  async #take(end: Buffer, limit: number): Promise<Buffer> {
    for (;;) {
      const at = this.#buffer.indexOf(end);
      if (at > limit || (at < 0 && this.#buffer.length > limit + end.length)) {
        throw malformedForm('its fields are too long');
      }
      if (at >= 0) {
        const taken = this.#buffer.subarray(0, at);
        this.#buffer = this.#buffer.subarray(at + end.length);
        return taken;
      }
      await this.#more();
    }
  }

  async #fill(length: number): Promise<void> {
    while (this.#buffer.length < length) await this.#more();
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done) throw malformedForm('it ends too early');
    this.#buffer = Buffer.concat([this.#buffer, value]);
  }
}

export function malformedForm(why: string): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'form',
    message: `The body of your POST request is not well-formed multipart/form-data: ${why}.`,
  });
}
