// Owns Query Config Information (AoEr11, section 3.2): how a target is found, and the text that whoever uses it leaves
// on it.

import { ERROR, HEADER_BYTES, VERSION } from './frame.ts';

export const MAX_CONFIG_BYTES = 1_024;
const ARGUMENT_BYTES = 8;
const TEXT_OFFSET = HEADER_BYTES + ARGUMENT_BYTES;
const AT = { buffers: 24, firmware: 26, sectors: 28, command: 29, length: 30 };
export const CONFIG = { read: 0, testExact: 1, testPrefix: 2, set: 3, forceSet: 4 } as const;

/** It reads or tests and changes nothing. */
export function isQuestion(frame: Buffer): boolean {
  return frame.length >= TEXT_OFFSET && (frame[AT.command]! & 0x0f) < CONFIG.set;
}

export interface ConfigFacts {
  /** Commands that the target takes at a time. */
  bufferCount: number;
  firmware: number;
  maxSectors: number;
}

export type ConfigOutcome =
  | { kind: 'reply' }
  | { kind: 'set'; text: Buffer }
  /** A test that does not hold is not answered. */
  | { kind: 'silence' }
  | { kind: 'error'; error: number };

export function planConfig(frame: Buffer, current: Buffer): ConfigOutcome {
  const length = frame.length < TEXT_OFFSET ? -1 : frame.readUInt16BE(AT.length);
  if (length < 0 || length > MAX_CONFIG_BYTES || TEXT_OFFSET + length > frame.length) {
    return { kind: 'error', error: ERROR.badArgument };
  }
  const given = frame.subarray(TEXT_OFFSET, TEXT_OFFSET + length);
  switch (frame[AT.command]! & 0x0f) {
    case CONFIG.read:
      return { kind: 'reply' };
    case CONFIG.testExact:
      return { kind: given.equals(current) ? 'reply' : 'silence' };
    case CONFIG.testPrefix:
      return { kind: given.equals(current.subarray(0, length)) ? 'reply' : 'silence' };
    case CONFIG.set:
      if (current.length > 0 && !given.equals(current)) {
        return { kind: 'error', error: ERROR.configPresent };
      }
      return { kind: 'set', text: Buffer.from(given) };
    case CONFIG.forceSet:
      return { kind: 'set', text: Buffer.from(given) };
    default:
      return { kind: 'error', error: ERROR.badArgument };
  }
}

/** Writes the answer into `frame`, which has room for it; gives the frame's length. */
export function renderConfig(frame: Buffer, facts: ConfigFacts, text: Buffer): number {
  const command = frame[AT.command]! & 0x0f;
  frame.writeUInt16BE(facts.bufferCount, AT.buffers);
  frame.writeUInt16BE(facts.firmware, AT.firmware);
  frame[AT.sectors] = facts.maxSectors;
  frame[AT.command] = (VERSION << 4) | command;
  frame.writeUInt16BE(text.length, AT.length);
  text.copy(frame, TEXT_OFFSET);
  return TEXT_OFFSET + text.length;
}

/** A question, after the header; gives the frame's length. */
export function renderConfigQuestion(frame: Buffer, command: number, text: Buffer): number {
  frame.fill(0, HEADER_BYTES, TEXT_OFFSET);
  frame[AT.command] = command;
  frame.writeUInt16BE(text.length, AT.length);
  text.copy(frame, TEXT_OFFSET);
  return TEXT_OFFSET + text.length;
}

/** As an initiator reads it. */
export function parseConfig(frame: Buffer): (ConfigFacts & { text: Buffer }) | undefined {
  if (frame.length < TEXT_OFFSET) return undefined;
  const end = TEXT_OFFSET + frame.readUInt16BE(AT.length);
  if (end > frame.length) return undefined;
  return {
    bufferCount: frame.readUInt16BE(AT.buffers),
    firmware: frame.readUInt16BE(AT.firmware),
    maxSectors: frame[AT.sectors]!,
    text: Buffer.from(frame.subarray(TEXT_OFFSET, end)),
  };
}
