// Owns the way of another process's log into ours: its lines are taken for what they are, lines of somebody who is not
// trusted, so each has a limit and stays one record.

import type { Readable } from 'node:stream';
import type { Logger } from './logger.ts';

export interface LogRelayOptions {
  /** Whose log it is; part of every record. */
  process: string;
  logger: Logger;
  /** Writes a line as it is. */
  write: (line: string) => void;
  /** Is given what is no record, such as the last words of a crash. */
  onText?: (text: string) => void;
}

const MAX_LINE_CHARACTERS = 64 * 1024;
const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error'];

export function relayLog(stream: Readable, options: LogRelayOptions): void {
  let partial = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    if (partial.length > MAX_LINE_CHARACTERS) lines.push(partial.slice(0, MAX_LINE_CHARACTERS));
    if (partial.length > MAX_LINE_CHARACTERS) partial = '';
    for (const line of lines) relayLine(line, options);
  });
  stream.on('end', () => relayLine(partial, options));
}

function relayLine(line: string, { process, logger, write, onText }: LogRelayOptions): void {
  if (line === '') return;
  const record = line.length <= MAX_LINE_CHARACTERS ? parseRecord(line) : undefined;
  if (record !== undefined) {
    write(`${JSON.stringify({ ...record, process })}\n`);
    return;
  }
  const text = line.slice(0, MAX_LINE_CHARACTERS);
  onText?.(text);
  logger.warn('a process wrote what is no log record', { process, text });
}

function parseRecord(line: string): object | undefined {
  try {
    const value = JSON.parse(line) as { level?: unknown; message?: unknown } | null;
    const isRecord = LEVELS.includes(value?.level) && typeof value?.message === 'string';
    return isRecord ? (value as object) : undefined;
  } catch {
    return undefined;
  }
}
