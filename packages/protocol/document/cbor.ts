// Owns CBOR (RFC 8949) as far as Smithy's RPC v2 uses it: no big numbers, no tags but time, text keys only. Libraries
// either refuse text in pieces, which that has, or take more than it has: tags of every kind or nesting without end.

import { ServiceError } from '@ironbark/core/errors.ts';

/** Deeper than any input of AWS. */
const MAX_DEPTH = 32;
const INDEFINITE = 31;
const TIME_TAG = 1;
const MS = 1_000;

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, tag: 6, simple: 7 };
const BREAK = Symbol('break');

/** Maps become objects without a prototype, times become dates. Throws malformed-input. */
export function parseCbor(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = reader.readItem(0);
  if (value === BREAK || !reader.isAtEnd()) throw malformed('more or less than one value');
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  readItem(depth: number): unknown {
    if (depth > MAX_DEPTH) throw malformed('nested too deep');
    const first = this.#take(1)[0]!;
    const info = first & 31;
    switch (first >> 5) {
      case MAJOR.unsigned:
        return this.#readCount(info);
      case MAJOR.negative:
        return -1 - this.#readCount(info);
      case MAJOR.bytes:
        return new Uint8Array(this.#readString(info, MAJOR.bytes));
      case MAJOR.text:
        return decodeText(this.#readString(info, MAJOR.text));
      case MAJOR.list:
        return this.#readList(info, depth);
      case MAJOR.map:
        return this.#readMap(info, depth);
      case MAJOR.tag:
        return this.#readTagged(info, depth);
      default:
        return this.#readSimple(info);
    }
  }

  #readCount(info: number): number {
    if (info < 24) return info;
    if (info === 24) return this.#take(1)[0]!;
    if (info === 25) return this.#take(2).readUInt16BE();
    if (info === 26) return this.#take(4).readUInt32BE();
    if (info !== 27) throw malformed('a length of no known form');
    const large = this.#take(8).readBigUInt64BE();
    if (large > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('a number that is too large');
    return Number(large);
  }

  /** In one piece, or in several that end with a break. */
  #readString(info: number, major: number): Buffer {
    if (info !== INDEFINITE) return this.#take(this.#readCount(info));
    const pieces: Buffer[] = [];
    for (;;) {
      const first = this.#take(1)[0]!;
      if (first === 0xff) return Buffer.concat(pieces);
      if (first >> 5 !== major || (first & 31) === INDEFINITE) throw malformed('a strange piece');
      pieces.push(this.#take(this.#readCount(first & 31)));
    }
  }

  #readList(info: number, depth: number): unknown[] {
    const items: unknown[] = [];
    for (const more = this.#counter(info); more(); ) {
      const item = this.readItem(depth + 1);
      if (item === BREAK) return endOf(info, items);
      items.push(item);
    }
    return items;
  }

  #readMap(info: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = Object.create(null);
    for (const more = this.#counter(info); more(); ) {
      const key = this.readItem(depth + 1);
      if (key === BREAK) return endOf(info, map);
      if (typeof key !== 'string' || key in map) throw malformed('a key that is no new text');
      const value = this.readItem(depth + 1);
      if (value === BREAK) throw malformed('a key without a value');
      map[key] = value;
    }
    return map;
  }

  /** True as often as there is an item; each takes a byte at least, so what is left is the limit. */
  #counter(info: number): () => boolean {
    let left = info === INDEFINITE ? Number.POSITIVE_INFINITY : this.#readCount(info);
    if (left !== Number.POSITIVE_INFINITY && left > this.#bytes.length - this.#at) throw cutShort();
    return () => left-- > 0;
  }

  #readTagged(info: number, depth: number): Date {
    const tag = this.#readCount(info);
    const seconds = this.readItem(depth + 1);
    const date = new Date(typeof seconds === 'number' ? Math.round(seconds * MS) : Number.NaN);
    if (tag === TIME_TAG && !Number.isNaN(date.getTime())) return date;
    throw malformed('a tag other than that of a time');
  }

  #readSimple(info: number): unknown {
    if (info === 20 || info === 21) return info === 21;
    if (info === 22 || info === 23) return null;
    if (info === 25) return readHalf(this.#take(2).readUInt16BE());
    if (info === 26) return this.#take(4).readFloatBE();
    if (info === 27) return this.#take(8).readDoubleBE();
    if (info === INDEFINITE) return BREAK;
    throw malformed('a simple value of no meaning');
  }

  #take(count: number): Buffer {
    if (count > this.#bytes.length - this.#at) throw cutShort();
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

function endOf<Value>(info: number, value: Value): Value {
  if (info === INDEFINITE) return value;
  throw malformed('a break where none can be');
}

/** A sign, 5 bits of exponent, 10 of fraction. */
function readHalf(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw malformed('text that is not UTF-8');
  }
}

/** Of what JSON can hold, and dates and bytes. */
export function renderCbor(value: unknown): Buffer {
  const parts: Buffer[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value: unknown, parts: Buffer[]): void {
  if (value === null) parts.push(Buffer.of(0xf6));
  else if (typeof value === 'boolean') parts.push(Buffer.of(value ? 0xf5 : 0xf4));
  else if (typeof value === 'number') parts.push(renderNumber(value));
  else if (typeof value === 'string') {
    const text = Buffer.from(value, 'utf8');
    parts.push(renderHead(MAJOR.text, text.length), text);
  } else if (value instanceof Date) {
    parts.push(renderHead(MAJOR.tag, TIME_TAG), renderNumber(value.getTime() / MS));
  } else if (value instanceof Uint8Array) {
    parts.push(renderHead(MAJOR.bytes, value.length), Buffer.from(value));
  } else if (Array.isArray(value)) {
    parts.push(renderHead(MAJOR.list, value.length));
    for (const item of value) write(item, parts);
  } else writeMap(Object.entries(Object(value)), parts);
}

function writeMap(entries: readonly [string, unknown][], parts: Buffer[]): void {
  const present = entries.filter(([, value]) => value !== undefined);
  parts.push(renderHead(MAJOR.map, present.length));
  for (const [key, value] of present) {
    write(key, parts);
    write(value, parts);
  }
}

function renderNumber(value: number): Buffer {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    return value < 0 ? renderHead(MAJOR.negative, -1 - value) : renderHead(MAJOR.unsigned, value);
  }
  const bytes = Buffer.alloc(9, 0xfb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function renderHead(major: number, count: number): Buffer {
  const type = major << 5;
  if (count < 24) return Buffer.of(type | count);
  const bytes = Buffer.alloc(9);
  if (count < 2 ** 8) return Buffer.of(type | 24, count);
  if (count < 2 ** 16)
    return bytes.subarray(0, bytes.writeUInt16BE(count, 1)).fill(type | 25, 0, 1);
  if (count < 2 ** 32)
    return bytes.subarray(0, bytes.writeUInt32BE(count, 1)).fill(type | 26, 0, 1);
  bytes.writeBigUInt64BE(BigInt(count), 1);
  return bytes.fill(type | 27, 0, 1);
}

function cutShort(): ServiceError {
  return malformed('the end where more was announced');
}

function malformed(what: string): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'request',
    message: `The body is not CBOR as Smithy RPC v2 has it: ${what}.`,
  });
}
