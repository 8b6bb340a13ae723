// Owns a guest's view of an exported volume: one connection that writes and reads, and never comes back once it was cut.

import { connect } from 'node:net';
import { ByteStream, EndOfStreamError } from '@ironbark/platform/nbd/byte-stream.ts';
import { negotiate } from '@ironbark/platform/nbd/handshake.ts';
import {
  NBD_COMMAND,
  parseReply,
  REPLY_BYTES,
  renderRequest,
} from '@ironbark/platform/nbd/wire.ts';

interface Command {
  command: number;
  offset: number;
  length: number;
}

/** One call at a time. */
export class NbdDisk {
  readonly #stream: ByteStream;
  #cookie = 0n;

  private constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Throws when nobody serves there. */
  static async open(at: { socketPath: string; exportName: string }): Promise<NbdDisk> {
    const socket = connect({ path: at.socketPath });
    const stream = new ByteStream(socket);
    try {
      await negotiate(stream, at.exportName);
      return new NbdDisk(stream);
    } catch (error) {
      stream.end(new EndOfStreamError('not opened'));
      throw error;
    }
  }

  /** True once it was answered, false when the connection was cut: then it may have happened or not. */
  async write(offset: number, bytes: Buffer): Promise<boolean> {
    const request = { command: NBD_COMMAND.write, offset, length: bytes.length };
    return (await this.#ask(request, bytes)) !== undefined;
  }

  /** Undefined when the connection was cut. */
  async read(offset: number, length: number): Promise<Buffer | undefined> {
    return await this.#ask({ command: NBD_COMMAND.read, offset, length }, Buffer.alloc(0));
  }

  /** True once all that was answered before is at the disk. */
  async flush(): Promise<boolean> {
    const request = { command: NBD_COMMAND.flush, offset: 0, length: 0 };
    return (await this.#ask(request, Buffer.alloc(0))) !== undefined;
  }

  close(): void {
    this.#stream.end(new EndOfStreamError('closed'));
  }

  async #ask(request: Command, payload: Buffer): Promise<Buffer | undefined> {
    this.#cookie += 1n;
    const head = renderRequest({ ...request, flags: 0, cookie: this.#cookie });
    const isRead = request.command === NBD_COMMAND.read;
    try {
      await this.#stream.send(Buffer.concat([head, payload]));
      const { errno } = parseReply(await this.#stream.take(REPLY_BYTES));
      if (errno !== 0) throw new Error(`nbd: the disk failed with errno ${errno}`);
      return isRead ? await this.#stream.take(request.length) : Buffer.alloc(0);
    } catch (error) {
      if (error instanceof EndOfStreamError || isBroken(error)) return undefined;
      throw error;
    }
  }
}

function isBroken(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'EPIPE' || code === 'ECONNRESET';
}
