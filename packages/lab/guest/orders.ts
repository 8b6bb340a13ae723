// Owns the conversation with a lab guest on its second serial port: numbered commands, and what each printed.
//
//   host:  3 dd if=/dev/vda of=/dev/null
//   guest: lab begin 3 / what the command prints / lab end 3 0

import type { Socket } from 'node:net';

/** A command of ours prints a few lines; a guest that prints on and on is not listened to. */
const MAX_REPLY_CHARACTERS = 256 * 1024;
const READY = 'lab ready';

interface Waiting {
  number: number;
  lines: string[];
  resolve(output: string): void;
  reject(error: Error): void;
}

export class Orders {
  readonly #socket: Socket;
  readonly #ready = Promise.withResolvers<void>();
  #rest = '';
  #count = 0;
  #waiting: Waiting | undefined;
  #characters = 0;
  #failure: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#ready.promise.catch(() => {});
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(text));
    // A guest that is killed resets the connection; one that ends closes it.
    const hasEnded = (cause?: Error) =>
      this.fail(new Error('the lab guest has ended', { ...(cause && { cause }) }));
    socket.on('error', hasEnded);
    socket.on('close', () => hasEnded());
  }

  /** Once the guest takes commands. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** What the command printed on both streams. One at a time. */
  run(command: string): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waiting !== undefined) throw new Error('a command is under way in the lab guest');
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#count += 1;
    this.#characters = 0;
    this.#waiting = { number: this.#count, lines: [], resolve, reject };
    this.#socket.write(`${this.#count} ${command}\n`);
    return promise;
  }

  /** Ends what is waited for, and everything that is asked later. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#ready.reject(error);
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#characters += text.length;
    if (this.#characters > MAX_REPLY_CHARACTERS) {
      this.fail(new Error('the lab guest prints on and on'));
      return;
    }
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#takeLine(line.replace(/\r$/, ''));
  }

  #takeLine(line: string): void {
    if (line === READY) this.#ready.resolve();
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (line === `lab begin ${waiting.number}`) {
      waiting.lines = [];
    } else if (line.startsWith(`lab end ${waiting.number} `)) {
      this.#waiting = undefined;
      const output = waiting.lines.join('\n').trim();
      const code = Number(line.split(' ').at(-1));
      if (code === 0) waiting.resolve(output);
      else waiting.reject(new Error(`the lab guest: exit ${code}: ${output}`));
    } else {
      waiting.lines.push(line);
    }
  }
}
