// Owns the keys of accounts: made when they are first needed, kept in the state in envelopes of the cloud's keyring.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { AwaitedEnvelopes } from '@ironbark/protocol/internal/envelopes.ts';
import { findAccountKey, findAnyAccountKey, insertAccountKey } from '../store/account-keys.ts';
import type { ObjectsDatabase } from '../store/schema.ts';

const KEY_BYTES = 32;

export class AccountKeys {
  readonly #db: ObjectsDatabase;
  readonly #random: RandomSource;
  readonly #envelopes: () => AwaitedEnvelopes | undefined;
  readonly #opened = new Map<AccountId, Buffer>();

  /** The keyring is asked for late: it belongs to a service that starts after this one. */
  constructor(options: {
    db: ObjectsDatabase;
    random: RandomSource;
    envelopes: () => AwaitedEnvelopes | undefined;
  }) {
    this.#db = options.db;
    this.#random = options.random;
    this.#envelopes = options.envelopes;
  }

  async get(accountId: AccountId): Promise<Buffer> {
    const known = this.#opened.get(accountId);
    if (known !== undefined) return known;
    const envelopes = this.#require();
    const envelope =
      (await findAccountKey(this.#db.query, accountId)) ?? (await this.#make(envelopes, accountId));
    const key = await envelopes.open(purposeOf(accountId), envelope);
    this.#opened.set(accountId, key);
    return key;
  }

  async #make(envelopes: AwaitedEnvelopes, accountId: AccountId): Promise<string> {
    // A keyring that is missing while there are keys is one that was lost: another one would open none of them.
    if ((await findAnyAccountKey(this.#db.query)) === undefined) await envelopes.ensure();
    const made = await envelopes.close(purposeOf(accountId), this.#random.bytes(KEY_BYTES));
    return await this.#db.transaction(async (tx) => {
      const known = await findAccountKey(tx, accountId);
      if (known === undefined) await insertAccountKey(tx, accountId, made);
      return known ?? made;
    });
  }

  #require(): AwaitedEnvelopes {
    const envelopes = this.#envelopes();
    if (envelopes !== undefined) return envelopes;
    throw new ServiceError({
      kind: 'unsupported',
      resource: 'encryption',
      message: 'Server-side encryption is not available: this store runs without a keyring.',
    });
  }
}

function purposeOf(accountId: AccountId): string {
  return `ironbark objects account ${accountId}`;
}
