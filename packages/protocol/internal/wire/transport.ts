// Owns what a contract needs to cross from one process to another; platform/http has it over Unix sockets.

import type { Readable } from 'node:stream';

export interface CallTransport {
  call(verb: string, input?: unknown): Promise<unknown>;
  callForBytes(verb: string, input?: unknown): Promise<{ answer: unknown; body: Readable }>;
  /** Calls back after a change, and whenever one may have been missed. */
  onChange(listener: () => void): () => void;
}

/** Each verb checks its whole input before it does anything. */
export type VerbTable = Readonly<Record<string, (input: unknown) => Promise<unknown>>>;
export type ByteVerbTable = Readonly<
  Record<string, (input: unknown) => Promise<{ answer: unknown; body: Readable }>>
>;
