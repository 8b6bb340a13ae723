// Owns the cloud's keyring: the one master key, in a file of its own, and the envelopes that it closes and opens.
//
//   master key (keyring) closes account keys (state) close volumes' keys (state) and blocks of snapshots (objects)
//
// Without the keyring everything that is encrypted is kept and nothing of it can be read.

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { dirname } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { ensureDirectory, hasCode, readKeptFile, replaceFile } from '@ironbark/platform/files.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';

export const KEY_BYTES = 32;
const FORMAT = 'ironbark-keyring/1';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Tells one master key from another, and nothing about it. */
const ID_DIGITS = 16;

/** Where the master key is: a file of the cloud's own, made when it is first missing, or what somebody handed over. */
export type KeyringSource = { path: string } | { handedOver: string | undefined };

export interface Keyring {
  /** Why it closes and opens nothing, for people; undefined when all is well. */
  readonly problem: string | undefined;
  /** Makes the master key when nothing has been encrypted yet; it is on stable storage when this resolves. */
  ensure(): Promise<void>;
  /** An envelope for a key, which opens for the same purpose only. */
  close(purpose: string, key: Buffer): string;
  open(purpose: string, envelope: string): Buffer;
}

/** `knownEnvelope`: one that the state has; absent: nothing is encrypted yet. */
export async function openKeyring(
  source: KeyringSource,
  { random, knownEnvelope }: { random: RandomSource; knownEnvelope: string | undefined },
): Promise<Keyring> {
  const text = await readKeyring(source);
  if (text !== undefined) {
    const master = parseKeyring(text);
    if (master === undefined) return closedKeyring('The keyring of this cloud cannot be read');
    if (knownEnvelope === undefined || idIn(knownEnvelope) === idOf(master)) {
      return openedKeyring(master, random);
    }
    return closedKeyring('The keyring is not the one that this cloud’s keys were closed with');
  }
  if (knownEnvelope !== undefined || !('path' in source)) {
    return closedKeyring('The keyring of this cloud is missing');
  }
  return unmadeKeyring(source.path, random);
}

async function readKeyring(source: KeyringSource): Promise<string | undefined> {
  if ('handedOver' in source) return source.handedOver;
  try {
    return (await readKeptFile(source.path))?.toString('utf8');
  } catch (error) {
    // Somebody else's: it is there, and says nothing.
    if (hasCode(error, 'EACCES')) return '';
    throw error;
  }
}

function renderKeyring(master: Buffer): string {
  return `${FORMAT} ${master.toString('base64')}\n`;
}

function parseKeyring(text: string): Buffer | undefined {
  const [format, key = '', ...rest] = text.trim().split(' ');
  const master = Buffer.from(key, 'base64');
  const isGood = format === FORMAT && master.length === KEY_BYTES && rest.length === 0;
  return isGood ? master : undefined;
}

/** A cloud without encryption has no keyring. */
function unmadeKeyring(path: string, random: RandomSource): Keyring {
  let made: Promise<Keyring> | undefined;
  let opened: Keyring | undefined;
  const make = async (): Promise<Keyring> => {
    const master = random.bytes(KEY_BYTES);
    await ensureDirectory(dirname(path));
    await replaceFile(path, renderKeyring(master), { mode: 0o600 });
    return openedKeyring(master, random);
  };
  const get = (): Keyring => {
    if (opened === undefined) throw new Error('the keyring is not made yet');
    return opened;
  };
  return {
    problem: undefined,
    ensure: async () => {
      made ??= make();
      // One that fails is tried again the next time.
      made.catch(() => {
        made = undefined;
      });
      opened = await made;
    },
    close: (purpose, key) => get().close(purpose, key),
    open: (purpose, envelope) => get().open(purpose, envelope),
  };
}

function openedKeyring(master: Buffer, random: RandomSource): Keyring {
  const id = idOf(master);
  return {
    problem: undefined,
    ensure: async () => {},
    close: (purpose, key) => `${id}:${closeWith(master, { purpose, key, random })}`,
    open: (purpose, envelope) => {
      if (idIn(envelope) !== id) throw unavailable('The keyring is not the one of this key');
      return openWith(master, purpose, envelope.slice(ID_DIGITS + 1));
    },
  };
}

function closedKeyring(what: string): Keyring {
  const problem = `${what}. What is encrypted is kept and cannot be opened before the right one is back.`;
  const refuse = () => {
    throw unavailable(problem);
  };
  return { problem, ensure: async () => refuse(), close: refuse, open: refuse };
}

function idOf(master: Buffer): string {
  return createHmac('sha256', master)
    .update('ironbark keyring id')
    .digest('hex')
    .slice(0, ID_DIGITS);
}

function idIn(envelope: string): string {
  return envelope.slice(0, ID_DIGITS);
}

interface Wanted {
  purpose: string;
  key: Buffer;
  random: RandomSource;
}

export function closeWith(outer: Buffer, { purpose, key, random }: Wanted): string {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, outer, nonce).setAAD(Buffer.from(purpose));
  const body = Buffer.concat([cipher.update(key), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url');
}

export function openWith(outer: Buffer, purpose: string, envelope: string): Buffer {
  const bytes = Buffer.from(envelope, 'base64url');
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, outer, bytes.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(end));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, end)), decipher.final()]);
  } catch (error) {
    throw unavailable('A key is damaged, or belongs to something else', error);
  }
}

/** Not final: what cannot be opened today can be once the keyring is back. */
function unavailable(message: string, cause?: unknown): ServiceError {
  const sentence = message.endsWith('.') ? message : `${message}.`;
  return new ServiceError({ kind: 'unavailable', resource: 'volume', message: sentence, cause });
}
