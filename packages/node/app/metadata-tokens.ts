// Owns the session tokens of the metadata service, version 2. A token carries its own end and a MAC over that and
// the instance, so nothing has to be stored. The key lives as long as the process: after a restart clients are
// answered 401 and ask for a new token, as they do when one has expired.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';

/** Six hours, EC2's limit. */
export const MAX_TOKEN_TTL_SECONDS = 21_600;
const KEY_BYTES = 32;
const EXPIRY_BYTES = 8;
const MAC_BYTES = 32;

export class MetadataTokens {
  readonly #clock: Clock;
  readonly #key: Buffer;

  constructor(context: { clock: Clock; random: RandomSource }) {
    this.#clock = context.clock;
    this.#key = context.random.bytes(KEY_BYTES);
  }

  issue(instanceId: InstanceId, ttlSeconds: number): string {
    const expiry = Buffer.alloc(EXPIRY_BYTES);
    expiry.writeDoubleBE(this.#clock.monotonicMs() + ttlSeconds * 1000);
    return Buffer.concat([expiry, this.#mac(instanceId, expiry)]).toString('base64url');
  }

  /** The seconds that the token is still good for; undefined when it is not, or not for this instance. */
  verify(instanceId: InstanceId, token: string): number | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== EXPIRY_BYTES + MAC_BYTES) return undefined;
    const expiry = bytes.subarray(0, EXPIRY_BYTES);
    const mac = this.#mac(instanceId, expiry);
    if (!timingSafeEqual(mac, bytes.subarray(EXPIRY_BYTES))) return undefined;
    const leftMs = expiry.readDoubleBE() - this.#clock.monotonicMs();
    return leftMs > 0 ? Math.ceil(leftMs / 1000) : undefined;
  }

  #mac(instanceId: InstanceId, expiry: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(expiry).update(instanceId).digest();
  }
}
