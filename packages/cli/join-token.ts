// Owns where a join token comes from. It is a secret, and arguments stand in the list of processes, which everybody on
// the host can read.

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { readFileIfPresent } from '@ironbark/platform/files.ts';
import { Problem } from './problem.ts';

export interface TokenPlace {
  /** The token itself, or `-`: the first line of the standard input. Absent: as `-`, or the file. */
  token?: string | undefined;
  /** Its first line is the token. */
  tokenFile?: string | undefined;
}

export interface TokenInput {
  stdin: Readable & { isTTY?: boolean };
  /** Shown before a person is waited for. */
  ask: (question: string) => void;
  warn: (line: string) => void;
}

/** Longer than any token, and short enough for a file that is none. */
const MAX_LINE = 4_096;
const WHERE = 'paste it when asked; or: --token-file FILE; or into the standard input: --token -';

export async function readToken(place: TokenPlace, input: TokenInput): Promise<string> {
  const { token, tokenFile } = place;
  if (token !== undefined && tokenFile !== undefined) {
    throw new Problem('--token and --token-file are given', ['leave one of them out']);
  }
  if (tokenFile !== undefined) return readFromFile(tokenFile);
  if (token === undefined || token === '-') return readFromInput(token, input);
  input.warn(`the token stands in the list of processes of this host. To keep it out: ${WHERE}`);
  return token;
}

async function readFromFile(path: string): Promise<string> {
  const bytes = await readFileIfPresent(path);
  if (bytes === undefined) throw new Problem(`there is no ${path}`);
  return firstLine(bytes.subarray(0, MAX_LINE).toString('utf8'));
}

async function readFromInput(token: '-' | undefined, { stdin, ask }: TokenInput): Promise<string> {
  if (stdin.isTTY === true) ask('Token: ');
  else if (token === undefined) throw new Problem('a token is needed', [WHERE]);
  // Without an output nothing is written on the terminal a second time.
  const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of lines) return firstLine(line.slice(0, MAX_LINE));
    return '';
  } finally {
    lines.close();
  }
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0]!.trim();
}
