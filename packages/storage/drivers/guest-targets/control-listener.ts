// Owns the socket over which a target is told what to serve: one line of JSON for a question, one for its answer, one
// question after the other.

import { createServer, type Server, type Socket } from 'node:net';

/** More than all disks with all their fields. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024;

export class ControlListener {
  /** Gives the target's status after what was asked is done. */
  readonly #answer: (question: unknown) => Promise<object>;
  readonly #server: Server = createServer((socket) => this.#talk(socket));
  readonly #sockets = new Set<Socket>();
  #order: Promise<unknown> = Promise.resolve();

  constructor(answer: (question: unknown) => Promise<object>) {
    this.#answer = answer;
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => resolve());
    });
  }

  /** Resolves when nothing is under way that was asked before. */
  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.#order;
  }

  #talk(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop()!;
      if (text.length > MAX_LINE_LENGTH) socket.destroy();
      for (const line of lines) {
        const answer = this.#order.then(() => this.#answerLine(line));
        this.#order = answer;
        void answer.then((reply) => socket.write(`${reply}\n`));
      }
    });
  }

  async #answerLine(line: string): Promise<string> {
    try {
      return JSON.stringify({ status: await this.#answer(JSON.parse(line)) });
    } catch (error) {
      return JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}
