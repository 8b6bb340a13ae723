// Owns a client's connection to an NBD server: the handshake ("fixed newstyle"), its options, and requests.

import { connect } from 'node:net';
import type { Clock } from '@ironbark/platform/clock.ts';
import { ByteStream } from './byte-stream.ts';

const HANDSHAKE_MAGIC = Buffer.from('NBDMAGICIHAVEOPT', 'latin1');
const OPTION_MAGIC = HANDSHAKE_MAGIC.subarray(8);
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const OPTION_GO = 7;
const OPTION_STRUCTURED_REPLY = 8;
const OPTION_SET_META_CONTEXT = 10;
const REPLY_ACK = 1;
const REPLY_META_CONTEXT = 4;
/** Fixed newstyle, and no padding after the handshake. */
const CLIENT_FLAGS = 3;
/** Replies to options carry export facts and error texts. */
const MAX_REPLY_BYTES = 64 * 1024;

export class NbdConnection extends ByteStream {
  /** Ends the connection when `work` on it fails. */
  async orClose<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await this.within(work);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async hello(): Promise<void> {
    const hello = await this.take(HANDSHAKE_MAGIC.length + 2);
    if (!hello.subarray(0, HANDSHAKE_MAGIC.length).equals(HANDSHAKE_MAGIC)) {
      throw new Error('nbd: the peer is no NBD server');
    }
    this.send(uint32(CLIENT_FLAGS));
  }

  /** Chooses the export; requests may follow. */
  async go(exportName: string): Promise<void> {
    await this.#ask(OPTION_GO, Buffer.concat([counted(exportName), Buffer.alloc(2)]));
  }

  /** Before `go`: asks for replies that say what they are, and for one context of block status. False: not had. */
  async chooseContext(exportName: string, context: string): Promise<boolean> {
    await this.#ask(OPTION_STRUCTURED_REPLY, Buffer.alloc(0));
    const wish = Buffer.concat([counted(exportName), uint32(1), counted(context)]);
    const replies = await this.#ask(OPTION_SET_META_CONTEXT, wish);
    return replies.includes(REPLY_META_CONTEXT);
  }

  /** The types of the replies before the last one, which is an acknowledgement. */
  async #ask(option: number, data: Buffer): Promise<number[]> {
    this.send(Buffer.concat([OPTION_MAGIC, uint32(option), uint32(data.length), data]));
    for (const types: number[] = []; ; ) {
      const head = await this.take(20);
      if (head.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC) {
        throw new Error('nbd: unexpected option reply');
      }
      const type = head.readUInt32BE(12);
      const length = head.readUInt32BE(16);
      if (length > MAX_REPLY_BYTES) throw new Error(`nbd: option reply of ${length} bytes`);
      const text = await this.take(length);
      if (type === REPLY_ACK) return types;
      if (type >= 2 ** 31) throw new Error(`nbd: option ${option}: ${text.toString('utf8')}`);
      types.push(type);
    }
  }
}

export async function connectNbd(socketPath: string, clock: Clock): Promise<NbdConnection> {
  const connection = new NbdConnection(connect({ path: socketPath }), clock);
  await connection.orClose(() => connection.hello());
  return connection;
}

export interface NbdRequest {
  command: number;
  cookie: number;
  offset: number;
  length: number;
}

export function renderRequest({ command, cookie, offset, length }: NbdRequest): Buffer {
  const request = Buffer.alloc(28);
  request.writeUInt32BE(REQUEST_MAGIC, 0);
  request.writeUInt16BE(command, 6);
  request.writeBigUInt64BE(BigInt(cookie), 8);
  request.writeBigUInt64BE(BigInt(offset), 16);
  request.writeUInt32BE(length, 24);
  return request;
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
