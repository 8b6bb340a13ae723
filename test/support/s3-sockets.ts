// Owns a client of S3 for measurements beside a server on the same processors: signed requests over bare sockets, one under
// way on each. What the client takes is taken from whoever is measured, so it does nothing but read status and length.

import { connect, type Socket } from 'node:net';
import { systemClock } from '@ironbark/platform/clock.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import type { LeanClientOptions, S3Call } from './s3-load.ts';

export class SocketClient implements Disposable {
  readonly #options: LeanClientOptions;
  readonly #url: URL;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];

  constructor(options: LeanClientOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
  }

  /** Throws unless it was a success. No more of them at a time than there are connections. */
  async succeed(call: S3Call): Promise<Buffer> {
    const connection = this.#idle.pop() ?? this.#open();
    const { status, body, isOver } = await connection.ask(this.#renderHead(call), call.body);
    if (isOver) this.#close(connection);
    else this.#idle.push(connection);
    if (status < 300) return body;
    throw new Error(`${call.method} ${call.path}: ${status} ${body.toString('utf8', 0, 300)}`);
  }

  #open(): Connection {
    if (this.#all.size >= this.#options.connections) throw new Error('more calls than connections');
    const connection = new Connection(this.#url);
    this.#all.add(connection);
    return connection;
  }

  #close(connection: Connection): void {
    this.#all.delete(connection);
    connection[Symbol.dispose]();
  }

  #renderHead({ method, path, body, headers = {} }: S3Call): Buffer {
    const { url, key, region } = this.#options;
    const signed = signRequest({
      ...{ method, url: new URL(`${url}${path}`), headers, body: '' },
      ...{ payloadHash: 'UNSIGNED-PAYLOAD', service: 's3', region, nowMs: systemClock.nowMs() },
      accessKeyId: key.accessKeyId,
      secretAccessKey: key.secretAccessKey,
    });
    const all = { host: this.#url.host, ...signed, 'content-length': String(body?.length ?? 0) };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  }

  [Symbol.dispose](): void {
    for (const connection of this.#all) connection[Symbol.dispose]();
  }
}

interface Answer {
  status: number;
  body: Buffer;
  /** The server closes the connection. */
  isOver: boolean;
}

class Connection implements Disposable {
  readonly #socket: Socket;
  #come: Buffer = Buffer.alloc(0);
  #asked: PromiseWithResolvers<Answer> | undefined;

  constructor({ hostname, port }: URL) {
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.on('data', (piece: Buffer) => this.#take(piece));
    this.#socket.on('error', (error) => this.#asked?.reject(error));
    this.#socket.on('close', () => this.#asked?.reject(new Error('the connection was closed')));
  }

  async ask(head: Buffer, body: Uint8Array | undefined): Promise<Answer> {
    this.#asked = Promise.withResolvers<Answer>();
    this.#socket.cork();
    this.#socket.write(head);
    if (body !== undefined) this.#socket.write(body);
    this.#socket.uncork();
    return await this.#asked.promise;
  }

  #take(piece: Buffer): void {
    this.#come = this.#come.length === 0 ? piece : Buffer.concat([this.#come, piece]);
    const end = this.#come.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#come.toString('latin1', 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#asked?.reject(new Error(`an answer without a length: ${head}`));
      return;
    }
    const at = end + 4;
    if (this.#come.length < at + Number(length)) return;
    const body = this.#come.subarray(at);
    this.#come = Buffer.alloc(0);
    const isOver = /\r\nconnection: *close/i.test(head);
    this.#asked?.resolve({ status: Number(head.slice(9, 12)), body, isOver });
  }

  [Symbol.dispose](): void {
    this.#asked = undefined;
    this.#socket.destroy();
  }
}
