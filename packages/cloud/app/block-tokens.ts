// Owns the tokens of the EBS direct APIs: opaque to who has one, good for one account and one thing until they expire.
// They are signed with a secret of this cloud's own, so that they outlive its restarts, and none can be made up.

import { createHmac } from 'node:crypto';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { isSameSignature } from '@ironbark/protocol/sigv4/payload.ts';
import { addSigningSecret, findSigningSecret } from '../store/signing-secrets.ts';
import type { Store } from '../store/store.ts';
import type { App } from './app.ts';

/** AWS's own ("ExpiryTime: the time when the BlockToken expires"). */
const LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;
const SECRET_NAME = 'block-tokens';
const SECRET_BYTES = 32;
/** Of a number of 48 bits. */
const NUMBER_BYTES = 6;
const SIGNATURE_BYTES = 32;

export class BlockTokens {
  readonly #secret: Buffer;
  readonly #nowMs: number;

  private constructor(secret: Buffer, nowMs: number) {
    this.#secret = secret;
    this.#nowMs = nowMs;
  }

  static async open(app: App): Promise<BlockTokens> {
    const secret = await findSigningSecret(app.store.query, SECRET_NAME);
    if (secret === undefined) throw new Error('there is no secret to sign block tokens with');
    return new BlockTokens(Buffer.from(secret, 'base64'), app.clock.nowMs());
  }

  get expiresAt(): number {
    return this.#nowMs + LIFETIME_MS;
  }

  /** `about` is all that the token is good for; `value` comes back when it is read. */
  write(about: readonly string[], value: number): string {
    const numbers = Buffer.alloc(2 * NUMBER_BYTES);
    numbers.writeUIntBE(this.expiresAt, 0, NUMBER_BYTES);
    numbers.writeUIntBE(value, NUMBER_BYTES, NUMBER_BYTES);
    return Buffer.concat([numbers, this.#sign(about, numbers)]).toString('base64url');
  }

  /** Undefined for a token that is not one of ours about this, or is over. */
  read(about: readonly string[], token: string): number | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== 2 * NUMBER_BYTES + SIGNATURE_BYTES) return undefined;
    const numbers = bytes.subarray(0, 2 * NUMBER_BYTES);
    const given = bytes.subarray(2 * NUMBER_BYTES).toString('latin1');
    if (!isSameSignature(given, this.#sign(about, numbers).toString('latin1'))) return undefined;
    if (numbers.readUIntBE(0, NUMBER_BYTES) <= this.#nowMs) return undefined;
    return numbers.readUIntBE(NUMBER_BYTES, NUMBER_BYTES);
  }

  #sign(about: readonly string[], numbers: Buffer): Buffer {
    return createHmac('sha256', this.#secret)
      .update(JSON.stringify(about))
      .update(numbers)
      .digest();
  }
}

/** At a start. Doing it again changes nothing. */
export async function ensureBlockSecret(store: Store, random: RandomSource): Promise<void> {
  if ((await findSigningSecret(store.query, SECRET_NAME)) !== undefined) return;
  const secret = random.bytes(SECRET_BYTES).toString('base64');
  await store.transaction((tx) => addSigningSecret(tx, SECRET_NAME, secret));
}
