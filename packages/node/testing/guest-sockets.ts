// Owns sockets of this process that live in a guest's network name space, for tests that ask what reaches whom.

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, Socket } from 'node:net';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { bindInNamespace } from '@ironbark/platform/network-namespace.ts';
import type { Namespace } from './guest-namespace.ts';

/** A guest that answers each datagram with the same, and notes whom it came from. */
export class Talker implements AsyncDisposable {
  readonly heard: { from: string; text: string }[] = [];
  readonly #socket: UdpSocket;

  private constructor(socket: UdpSocket) {
    this.#socket = socket;
    socket.on('message', (bytes, { address, port }) => {
      const text = bytes.toString();
      this.heard.push({ from: address, text });
      if (text.startsWith('ask')) void this.send(`answer ${text}`, address, port);
    });
    // What is refused shows in what is heard.
    socket.on('error', () => {});
  }

  static async open(
    { name }: Namespace,
    port: number,
    kind: 'udp' | 'udp6' = 'udp',
  ): Promise<Talker> {
    const socket = createSocket(kind === 'udp6' ? 'udp6' : 'udp4');
    await new Promise<void>((resolve) =>
      socket.bind({ fd: bindInNamespace(name, port, kind) }, resolve),
    );
    return new Talker(socket);
  }

  /** Resolves once it is on its way, or was refused: what is changed afterwards does not concern it. */
  send(text: string, address: string, port: number): Promise<void> {
    return new Promise((resolve) => this.#socket.send(text, port, address, () => resolve()));
  }

  /** The same, of what is no text. */
  sendBytes(bytes: Uint8Array, address: string, port: number): Promise<void> {
    return new Promise((resolve) => this.#socket.send(bytes, port, address, () => resolve()));
  }

  /** True once the other has answered; asked again and again for this long. */
  async reaches(address: string, port: number, timeoutMs = 10_000): Promise<boolean> {
    const text = `ask ${process.hrtime.bigint()}`;
    const isAnswered = () => {
      if (this.heard.some((one) => one.text === `answer ${text}`)) return true;
      void this.send(text, address, port);
      return false;
    };
    try {
      await waitFor(isAnswered, { clock: systemClock, timeoutMs, what: text, intervalMs: 20 });
      return true;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

/** A server in a guest that sends back what it gets. */
export async function echoIn({ name }: Namespace, port: number): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const fd = bindInNamespace(name, port);
  await new Promise<void>((resolve) => server.listen({ fd }, resolve));
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A connection from a guest; its text so far is in `heard`. */
export class Connection implements Disposable {
  heard = '';
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.heard += bytes.toString();
    });
    socket.on('error', () => {});
  }

  static async open(
    { name }: Namespace,
    host: string,
    port: number,
    timeoutMs = 10_000,
  ): Promise<Connection> {
    const socket = new Socket({ fd: bindInNamespace(name, 0), manualStart: true } as object);
    const connection = new Connection(socket);
    socket.connect({ host, port });
    const options = { clock: systemClock, timeoutMs, what: `${host}:${port}`, intervalMs: 10 };
    try {
      await waitFor(() => socket.readyState === 'open', options);
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** True when the text came back in this time. */
  async echoes(text: string, timeoutMs = 10_000): Promise<boolean> {
    this.#socket.write(text);
    const options = { clock: systemClock, timeoutMs, what: text, intervalMs: 10 };
    return waitFor(() => this.heard.includes(text), options).then(
      () => true,
      () => false,
    );
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
