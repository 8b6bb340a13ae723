// Owns a session at the place that is measured: the process that runs the session's script there, itself or over ssh. What
// comes from it is a stranger's: it is bounded, and nothing of it is ever run.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { AttachedProcess } from '@ironbark/platform/commands.ts';
import { renderCommand } from './session-script.ts';

export interface SessionOptions {
  /** Runs the script of `renderSessionScript`. */
  process: AttachedProcess;
  mark: string;
  clock: Clock;
  signal: AbortSignal;
}

export interface Ran {
  /** Both streams. */
  text: string;
  exitCode: number;
  /** From being sent to its end being heard. */
  tookMs: number;
}

/** The place is gone, or does not let us in. */
export class SessionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SessionError';
  }
}

/** A report of fio has some ten KiB. */
const MAX_TEXT_BYTES = 256 * 1024;
/** A guest that is emulated, on a host that is busy, needs some seconds for its side of ssh. */
const READY_TIMEOUT_MS = 60_000;
/** For what is to be killed and removed, when the place is still there. */
const CLOSE_TIMEOUT_MS = 20_000;
/** A command that was told to stop is killed at once; this is for the way there and back. */
const STOP_TIMEOUT_MS = 20_000;

export class MeasureSession implements AsyncDisposable {
  readonly #options: SessionOptions;
  #text = '';
  #errors = '';
  #ended: number | string | undefined;
  #wake: () => void = () => {};
  #hasGone = false;

  private constructor(options: SessionOptions) {
    this.#options = options;
    const { process } = options;
    process.stdout.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = `${this.#errors}${text}`.slice(-MAX_TEXT_BYTES);
    });
    void process.ended.then((ending) => {
      this.#ended = ending;
      this.#wake();
    });
  }

  static async open(options: SessionOptions): Promise<MeasureSession> {
    const session = new MeasureSession(options);
    try {
      await session.#until(/^MARK (ready)$/m, { timeoutMs: READY_TIMEOUT_MS });
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The folder has been taken away; false also when nobody could say so. */
  get hasGone(): boolean {
    return this.#hasGone;
  }

  /** Runs a command in the folder. One that takes longer, or prints more than any of ours does, is killed. */
  async run(command: string, timeoutMs: number): Promise<Ran> {
    const { process, clock, signal } = this.#options;
    signal.throwIfAborted();
    this.#requireThere();
    this.#text = '';
    const sentMs = clock.monotonicMs();
    process.stdin.write(renderCommand(command));
    try {
      const { before, word } = await this.#until(/^MARK end (\d{1,3})$/m, { timeoutMs });
      return { text: before, exitCode: Number(word), tookMs: clock.monotonicMs() - sentMs };
    } catch (error) {
      if (error instanceof SessionError || signal.aborted) throw error;
      await this.#stop();
      throw error;
    }
  }

  /** Kills what runs; the session goes on, if it can. */
  async #stop(): Promise<void> {
    this.#text = '';
    this.#options.process.stdin.write('\n');
    // What it prints until it is dead is passed over, however much it is.
    const wait = { timeoutMs: STOP_TIMEOUT_MS, mostBytes: Number.POSITIVE_INFINITY };
    await this.#until(/^MARK end (\d{1,3})$/m, wait).catch(() => {
      throw new SessionError('nobody answers any more');
    });
  }

  #hear(text: string): void {
    this.#text += text;
    // What is too much is no longer kept; whoever waits is told.
    if (this.#text.length > 2 * MAX_TEXT_BYTES) this.#text = this.#text.slice(-MAX_TEXT_BYTES - 1);
    this.#wake();
  }

  async #until(
    pattern: RegExp,
    { timeoutMs, mostBytes = MAX_TEXT_BYTES }: { timeoutMs: number; mostBytes?: number },
  ): Promise<{ before: string; word: string }> {
    const { mark, clock, signal } = this.#options;
    const wanted = new RegExp(pattern.source.replace('MARK', mark), pattern.flags);
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const match = wanted.exec(this.#text);
      if (match !== null) return { before: this.#text.slice(0, match.index), word: match[1]! };
      signal.throwIfAborted();
      this.#requireThere();
      if (this.#text.length > mostBytes) throw new Error('it prints without an end');
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) throw new Error(`it did not end within ${Math.round(timeoutMs / 1_000)} s`);
      await this.#change(leftMs);
    }
  }

  /** Until something was heard, the process ended, the run is aborted, or the time is over. */
  async #change(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const { signal } = this.#options;
    signal.addEventListener('abort', this.#wake, { once: true });
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', this.#wake);
  }

  #requireThere(): void {
    if (this.#ended === undefined) return;
    const said = printable(this.#errors).trim().split('\n').slice(-3).join('; ');
    throw new SessionError(said === '' ? 'the connection was lost' : said);
  }

  /** Says the last word, and waits for everything to be taken away there. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { process, mark } = this.#options;
    process.stdin.end();
    const ended = process.ended.then(() => true);
    const timer = Promise.withResolvers<boolean>();
    const timeout = setTimeout(() => timer.resolve(false), CLOSE_TIMEOUT_MS);
    if (!(await Promise.race([ended, timer.promise]))) process.kill('SIGKILL');
    clearTimeout(timeout);
    await ended;
    this.#hasGone = new RegExp(`^${mark} gone$`, 'm').test(this.#text);
  }
}

const MOST_SHOWN = 400;

/** What a stranger prints, for a terminal: short, and nothing in it moves a cursor or ends a line but line ends. */
export function printable(text: string): string {
  const plain = text.slice(-2 * MOST_SHOWN).replaceAll('\r', '');
  return plain.replaceAll(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, '?').slice(-MOST_SHOWN);
}
