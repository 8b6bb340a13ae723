// Owns the tokens that let a host join: for one host, for a short time, and not to be guessed.

import { createHash, timingSafeEqual } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { JoinToken } from '@ironbark/protocol/internal/join-messages.ts';
import {
  addJoinToken,
  countJoinTokens,
  deleteJoinToken,
  findJoinToken,
  purgeJoinTokens,
  setWrongGuesses,
} from '../store/join-tokens.ts';
import type { ClusterContext } from './context.ts';

/** Long enough to walk over to the other host, and to install it first. */
export const TOKEN_LIFE_MS = 60 * 60_000;
/** One that has expired is still told from one that never was. */
const EXPIRED_KEPT_MS = 24 * 60 * 60_000;
const MAX_TOKENS = 64;
const ID_BYTES = 8;
const SECRET_BYTES = 24;
/** Nobody mistypes what is pasted; whoever guesses has 2^192 to choose from. */
const MAX_WRONG_GUESSES = 5;

export async function makeJoinToken(
  { database, random, clock }: ClusterContext,
  fingerprint: string,
): Promise<{ token: JoinToken; expiresAtMs: number }> {
  const token = {
    id: random.bytes(ID_BYTES).toString('hex'),
    secret: random.bytes(SECRET_BYTES).toString('hex'),
    fingerprint,
  };
  const expiresAtMs = clock.nowMs() + TOKEN_LIFE_MS;
  await database.transaction(async (tx) => {
    await purgeJoinTokens(tx, clock.nowMs() - EXPIRED_KEPT_MS);
    if ((await countJoinTokens(tx)) >= MAX_TOKENS) throw tooManyTokens();
    const { id, secret } = token;
    const kept = { id, secret_hash: hash(secret), expires_at: expiresAtMs, wrong_guesses: 0 };
    await addJoinToken(tx, kept);
  });
  return { token, expiresAtMs };
}

/** The token is used up, or why it is not, with what that changed. To be thrown once it is written down. */
export async function takeJoinToken(
  tx: Parameters<typeof findJoinToken>[0],
  { id, secret }: Pick<JoinToken, 'id' | 'secret'>,
  nowMs: number,
): Promise<ServiceError | undefined> {
  const row = await findJoinToken(tx, id);
  if (row === undefined) return refusal('is not known here, or was used already');
  if (!timingSafeEqual(Buffer.from(row.secret_hash), Buffer.from(hash(secret)))) {
    const guesses = row.wrong_guesses + 1;
    if (guesses >= MAX_WRONG_GUESSES) await deleteJoinToken(tx, id);
    else await setWrongGuesses(tx, id, guesses);
    return refusal('is not known here, or was used already');
  }
  if (row.expires_at <= nowMs) return refusal('has expired');
  await deleteJoinToken(tx, id);
  return undefined;
}

function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function refusal(why: string): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'node',
    message: `The join token ${why}.`,
  });
}

function tooManyTokens(): ServiceError {
  return new ServiceError({
    kind: 'limit-exceeded',
    resource: 'node',
    message: `There are ${MAX_TOKENS} unused join tokens; use one, or wait until they expire.`,
  });
}
