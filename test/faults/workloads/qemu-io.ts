// Owns a running qemu-io that writes to an exported volume as a guest's disk would: over NBD, in order.

import { type ChildProcess, spawn } from 'node:child_process';

const PROMPT = 'qemu-io> ';

export class QemuIo {
  readonly #child: ChildProcess;
  #output = '';
  #wake: (() => void) | undefined;
  #isOver = false;
  #isAtPrompt = false;

  constructor(uri: string) {
    this.#child = spawn('qemu-io', ['-f', 'raw', uri], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdin!.on('error', () => {});
    this.#child.stdout!.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
      this.#wake?.();
    });
    this.#child.once('close', () => {
      this.#isOver = true;
      this.#wake?.();
    });
  }

  /** Resolves once the disk has answered; nothing of it is durable before a flush. */
  async write(offset: number, length: number, pattern: number): Promise<void> {
    const answer = await this.#command(`write -P ${pattern} ${offset} ${length}`);
    if (!answer.includes(`wrote ${length}/${length} bytes`)) throw new Error(`qemu-io: ${answer}`);
  }

  /** Says nothing when it works. */
  async flush(): Promise<void> {
    const answer = await this.#command('flush');
    if (answer !== '') throw new Error(`qemu-io: ${answer}`);
  }

  async #command(line: string): Promise<string> {
    if (!this.#isAtPrompt) await this.#untilPrompt();
    this.#isAtPrompt = false;
    this.#child.stdin!.write(`${line}\n`);
    return (await this.#untilPrompt()).trim();
  }

  async #untilPrompt(): Promise<string> {
    while (!this.#output.endsWith(PROMPT)) {
      if (this.#isOver) throw new Error(`qemu-io has ended: ${this.#output}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const said = this.#output.slice(0, -PROMPT.length);
    this.#output = '';
    this.#isAtPrompt = true;
    return said;
  }
}
