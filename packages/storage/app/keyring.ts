// Owns the cloud's keyring: the one master key, in a file of its own, and the envelopes that it closes and opens.
//
//   master key (keyring) closes account keys (state) close volumes' keys (state) and blocks of snapshots (objects)
//
// Without the keyring everything that is encrypted is kept and nothing of it can be read.

import { createHmac } from 'node:crypto';
import { dirname } from 'node:path';
import { closeWith, openWith, unavailable } from '@ironbark/platform/envelopes.ts';
import { ensureDirectory, hasCode, readKeptFile, replaceFile } from '@ironbark/platform/files.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { Envelopes } from '@ironbark/protocol/internal/envelopes.ts';

export const KEY_BYTES = 32;
const FORMAT = 'ironbark-keyring/1';
/** Tells one master key from another, and nothing about it. */
const ID_DIGITS = 16;

/** Where the master key is: a file of the cloud's own, made when it is first missing, or what somebody handed over. */
export type KeyringSource = { path: string } | { handedOver: string | undefined };

export interface Keyring extends Envelopes {
  /** Why it closes and opens nothing, for people; undefined when all is well. */
  readonly problem: string | undefined;
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
    if (opened === undefined) throw unavailable('The keyring of this cloud is missing');
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
