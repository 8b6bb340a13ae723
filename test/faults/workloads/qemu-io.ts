// Owns a running qemu-io that writes to an exported volume as a guest's disk would: over NBD, in order.

import { type ChildProcess, spawn } from 'node:child_process';

const PROMPT = 'qemu-io> ';

export class QemuIo {
  readonly #child: ChildProcess;
  #output = '';
  #wake: (() => void) | undefined;
  #isOver = false;
  #isAtPrompt = false;

  /** With `waitsSeconds` an export that went away is waited for, and what it did not answer is sent again. */
  constructor(uri: string, { waitsSeconds }: { waitsSeconds?: number } = {}) {
    const disk = waitsSeconds === undefined ? ['-f', 'raw', uri] : waiting(uri, waitsSeconds);
    // It dies with its writer, as a guest with its host: it would send again, to the next daemon, what was under way.
    const program = ['--pdeathsig', 'KILL', 'qemu-io', ...disk];
    this.#child = spawn('setpriv', program, { stdio: ['pipe', 'pipe', 'ignore'] });
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

  end(): void {
    this.#child.stdin!.end('quit\n');
  }

  /** For one that waits. */
  kill(): void {
    this.#child.kill('SIGKILL');
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

function waiting(uri: string, seconds: number): string[] {
  const { pathname, searchParams } = new URL(uri);
  const options = {
    driver: 'raw',
    'file.driver': 'nbd',
    'file.server.type': 'unix',
    'file.server.path': searchParams.get('socket'),
    'file.export': pathname.replace(/^\/+/, ''),
    'file.reconnect-delay': seconds,
  };
  const given = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return ['--image-opts', given.join(',')];
}
