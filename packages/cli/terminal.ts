// Owns what people see: steps with their progress, tables, colours. Results go to the standard output, all
// else to the standard error, so that `--json` and pipes stay clean.

import { createInterface } from 'node:readline/promises';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Clock } from '@ironbark/platform/clock.ts';

export interface TerminalOptions {
  clock: Clock;
  output: NodeJS.WriteStream;
  progress: NodeJS.WriteStream;
  /** Machine-readable output: no progress, results as one JSON value. */
  json: boolean;
}

/** Tells the person what a running step is at: `label` replaces the last one. */
export type StepProgress = (label: string) => void;

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
/** Without a terminal to redraw, a long step says where it is this often. */
const PLAIN_PERIOD_MS = 10_000;
/** Steps shorter than this need no time beside them. */
const SHOW_SECONDS_FROM_MS = 100;

export class Terminal {
  readonly #options: TerminalOptions;

  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  get json(): boolean {
    return this.#options.json;
  }

  /** Prints a result: text for people, or the value as JSON. */
  result(value: unknown, render: () => string): void {
    const text = this.#options.json ? JSON.stringify(value, null, 2) : render();
    if (text !== '') this.#options.output.write(`${text.replace(/\n$/, '')}\n`);
  }

  note(line: string): void {
    if (!this.#options.json) this.#options.progress.write(`${line}\n`);
  }

  warn(line: string): void {
    this.#options.progress.write(`${this.#style('yellow', '!')} ${line}\n`);
  }

  /** Runs one step and shows how it goes and how long it took. */
  async step<Result>(
    title: string,
    work: (progress: StepProgress) => Promise<Result>,
  ): Promise<Result> {
    if (this.#options.json) return await work(() => {});
    const line = this.#startLine(title);
    try {
      const result = await work((label) => line.update(label));
      line.end(this.#style('green', '✔'));
      return result;
    } catch (error) {
      line.end(this.#style('red', '✖'));
      throw error;
    }
  }

  /** Asks a yes-or-no question; `no` when there is nobody to ask. */
  async confirm(question: string): Promise<boolean> {
    if (!process.stdin.isTTY) return false;
    const reader = createInterface({ input: process.stdin, output: this.#options.progress });
    try {
      return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `)).trim());
    } finally {
      reader.close();
    }
  }

  bold(text: string): string {
    return this.#style('bold', text);
  }

  dim(text: string): string {
    return this.#style('dim', text);
  }

  mark(status: 'ok' | 'warn' | 'fail'): string {
    if (status === 'ok') return this.#style('green', '✔');
    return status === 'warn' ? this.#style('yellow', '!') : this.#style('red', '✖');
  }

  #style(format: 'bold' | 'dim' | 'green' | 'yellow' | 'red', text: string): string {
    return styleText(format, text, { stream: this.#options.output });
  }

  #startLine(title: string): { update(label: string): void; end(mark: string): void } {
    const { progress, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    let label = '';
    let frame = 0;
    const elapsed = () => `${((clock.monotonicMs() - startedMs) / 1000).toFixed(1)} s`;
    const text = (mark: string) => `${mark} ${title}${label === '' ? '' : `: ${label}`}`;
    const redraw = () => {
      frame = (frame + 1) % FRAMES.length;
      const shown = `${text(FRAMES[frame]!)} ${elapsed()}`;
      progress.write(`\r\u001b[2K${clip(shown, progress.columns ?? 80)}`);
    };
    const plain = () => progress.write(`${text('…')} (${elapsed()})\n`);
    const timer = setInterval(
      progress.isTTY ? redraw : plain,
      progress.isTTY ? FRAME_MS : PLAIN_PERIOD_MS,
    );
    return {
      update: (next) => {
        label = next;
      },
      end: (mark) => {
        clearInterval(timer);
        const took =
          clock.monotonicMs() - startedMs < SHOW_SECONDS_FROM_MS ? '' : ` (${elapsed()})`;
        progress.write(`${progress.isTTY ? '\r\u001b[2K' : ''}${text(mark)}${took}\n`);
      },
    };
  }
}

function clip(text: string, columns: number): string {
  return text.length < columns ? text : text.slice(0, columns - 1);
}

/** Columns as wide as their widest cell; no frame, so that it can be cut and sorted. */
export function renderTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) =>
    Math.max(...all.map((row) => width(row[column] ?? ''))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat(widths[column]! - width(cell)))
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
