// Owns how many messages of a socket are received or sent with one call (recvmmsg and sendmmsg), which Node does not
// have, and how a program waits for a socket that Node does not know.

import { lastErrorCode, openLibC } from './libc.ts';
import { allocatePinned, IOVEC_BYTES, PieceList } from './pinned-memory.ts';

/** struct mmsghdr on 64-bit Linux: a struct msghdr of 56 bytes, the length that was received, 4 bytes of nothing. */
const MMSGHDR_BYTES = 64;
const IOV_OFFSET = 16;
const IOVLEN_OFFSET = 24;
const LENGTH_OFFSET = 56;
const MSG_DONTWAIT = 0x40;

interface Calls {
  receive: (fd: number, headers: number, count: number, flags: number, timeout: null) => number;
  send: (fd: number, headers: number, count: number, flags: number) => number;
  poll: (fd: number, ready: () => void) => { close(): void };
}

let loaded: Calls | undefined;

const PIECES = 2;

/** One piece of memory a message, or two that follow each other in it. */
export class MessageBatch {
  readonly capacity: number;
  readonly #address: number;
  readonly #words: Uint32Array;
  readonly #pieces: PieceList;

  constructor(capacity: number) {
    this.capacity = capacity;
    const headers = allocatePinned(capacity * MMSGHDR_BYTES);
    const pieces = allocatePinned(capacity * PIECES * IOVEC_BYTES);
    this.#address = headers.address;
    const { bytes } = headers;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#pieces = new PieceList(pieces);
    for (let index = 0; index < capacity; index += 1) {
      const at = index * MMSGHDR_BYTES;
      bytes.writeBigUInt64LE(
        BigInt(pieces.address + index * PIECES * IOVEC_BYTES),
        at + IOV_OFFSET,
      );
      bytes.writeBigUInt64LE(1n, at + IOVLEN_OFFSET);
    }
  }

  set(index: number, address: number, lengthBytes: number): void {
    this.#pieces.set(index * PIECES, address, lengthBytes);
    this.#words[(index * MMSGHDR_BYTES + IOVLEN_OFFSET) / 4] = 1;
  }

  /** Behind what was set. */
  append(index: number, address: number, lengthBytes: number): void {
    this.#pieces.set(index * PIECES + 1, address, lengthBytes);
    this.#words[(index * MMSGHDR_BYTES + IOVLEN_OFFSET) / 4] = 2;
  }

  /** Of a message that was received. */
  lengthOf(index: number): number {
    return this.#words[(index * MMSGHDR_BYTES + LENGTH_OFFSET) / 4]!;
  }

  /** Takes what waits, up to `count`; 0 when nothing does. */
  receive(fd: number, count: number): number {
    loaded ??= load();
    const received = loaded.receive(fd, this.#address, count, MSG_DONTWAIT, null);
    return received >= 0 ? received : afterFailure('recvmmsg', NOTHING_WAITS);
  }

  /** Answers how many of the messages from `first` up to `end` were sent; 0: the first of them was not taken. */
  send(fd: number, first: number, end: number): number {
    loaded ??= load();
    const at = this.#address + first * MMSGHDR_BYTES;
    const sent = loaded.send(fd, at, end - first, MSG_DONTWAIT);
    return sent >= 0 ? sent : afterFailure('sendmmsg', NOT_TAKEN);
  }
}

/**
 * An interface that is down for a moment is no error of ours: it is waited for. EFAULT: a page of a mapped file that
 * cannot be had any more.
 */
const NOTHING_WAITS = ['EAGAIN', 'EINTR', 'ENETDOWN'];
const NOT_TAKEN = [...NOTHING_WAITS, 'ENOBUFS', 'EFAULT', 'EMSGSIZE', 'ENETUNREACH', 'ENXIO'];

function afterFailure(call: string, expected: readonly string[]): 0 {
  const code = lastErrorCode();
  if (expected.includes(code)) return 0;
  throw Object.assign(new Error(`${call}: ${code}`), { code });
}

/** Calls back whenever there is something to receive, until it is closed. */
export function watchReadable(fd: number, ready: () => void): { close(): void } {
  loaded ??= load();
  return loaded.poll(fd, ready);
}

function load(): Calls {
  const { koffi, library } = openLibC();
  return {
    receive: library.func(
      'int recvmmsg(int fd, uintptr_t headers, unsigned int count, int flags, void *timeout)',
    ) as unknown as Calls['receive'],
    send: library.func(
      'int sendmmsg(int fd, uintptr_t headers, unsigned int count, int flags)',
    ) as unknown as Calls['send'],
    poll: (fd, ready) => koffi.node.poll(fd, { readable: true }, ready),
  };
}
