// Owns the keys of accounts and volumes: made when they are first needed, kept in the state in their envelopes.

import type { AccountId, VolumeId } from '@ironbark/core/ids.ts';
import type { Database } from '@ironbark/platform/database/database.ts';
import { closeWith, openWith } from '@ironbark/platform/envelopes.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { VolumeSeal } from '@ironbark/protocol/internal/block-target.ts';
import type { Envelopes } from '@ironbark/protocol/internal/envelopes.ts';
import type { SealFacts } from '../drivers/sealed-backend.ts';
import { luksKeysOf, VOLUME_KEY_BYTES } from '../drivers/volume-seal.ts';
import { findAccountKey, findAnyAccountKey, insertAccountKey } from '../store/account-keys.ts';
import type { StorageSchema } from '../store/schema.ts';
import { updateVolume, type VolumeRow } from '../store/volumes.ts';
import { KEY_BYTES, type Keyring, type KeyringSource, openKeyring } from './keyring.ts';

export interface AccountKey {
  key: Buffer;
  /** As the state has it, for whoever keeps it beside what it encrypts. */
  envelope: string;
}

export interface EncryptionKeysOptions {
  source: KeyringSource;
  database: Database<StorageSchema>;
  random: RandomSource;
  /** One that another service has of the same keyring. */
  knownEnvelope?: string | undefined;
}

export class EncryptionKeys {
  readonly random: RandomSource;
  readonly #keyring: Keyring;
  readonly #database: Database<StorageSchema>;
  readonly #opened = new Map<string, Buffer>();

  private constructor(keyring: Keyring, { database, random }: EncryptionKeysOptions) {
    this.#keyring = keyring;
    this.#database = database;
    this.random = random;
  }

  static async open(options: EncryptionKeysOptions): Promise<EncryptionKeys> {
    const own = await findAnyAccountKey(options.database.query);
    const knownEnvelope = own ?? options.knownEnvelope;
    const { source, random } = options;
    return new EncryptionKeys(await openKeyring(source, { random, knownEnvelope }), options);
  }

  /** For people: why nothing that is encrypted can be opened. */
  get problem(): string | undefined {
    return this.#keyring.problem;
  }

  /** For other services. */
  get envelopes(): Envelopes {
    return this.#keyring;
  }

  async getAccountKey(accountId: AccountId): Promise<AccountKey> {
    const present = await findAccountKey(this.#database.query, accountId);
    const envelope = present ?? (await this.#makeAccountKey(accountId));
    return { key: this.openAccountKey(accountId, envelope), envelope };
  }

  async #makeAccountKey(accountId: AccountId): Promise<string> {
    await this.#keyring.ensure();
    return this.#database.transaction(async (tx) => {
      const known = await findAccountKey(tx, accountId);
      if (known !== undefined) return known;
      const made = this.#keyring.close(accountPurpose(accountId), this.random.bytes(KEY_BYTES));
      await insertAccountKey(tx, accountId, made);
      return made;
    });
  }

  /** From an envelope that was kept beside what the key encrypts. */
  openAccountKey(accountId: string, envelope: string): Buffer {
    const opened =
      this.#opened.get(envelope) ?? this.#keyring.open(accountPurpose(accountId), envelope);
    this.#opened.set(envelope, opened);
    return opened;
  }

  /** Before the volume is made. Doing it again changes nothing. */
  async ensureVolumeKey({ id, encrypted_for: accountId, key_envelope }: VolumeRow): Promise<void> {
    if (accountId === null || key_envelope !== null) return;
    const { key: outer } = await this.getAccountKey(accountId);
    const { random } = this;
    const key = random.bytes(VOLUME_KEY_BYTES);
    const envelope = closeWith(outer, { purpose: volumePurpose(id), key, random });
    await this.#database.transaction((tx) => updateVolume(tx, id, { key_envelope: envelope }));
  }

  /** What its target opens an encrypted volume with. */
  async sealOf(row: VolumeRow): Promise<{ seal?: VolumeSeal }> {
    if (row.encrypted_for === null) return {};
    const key = (await this.#volumeKey(row)).toString('base64');
    return { seal: { key, sizeBytes: row.sealed_bytes ?? row.size_bytes } };
  }

  /** What its backend makes it with. */
  factsOf(row: VolumeRow | undefined): SealFacts | undefined {
    if (row === undefined || row.encrypted_for === null) return undefined;
    return {
      sealedBytes: row.sealed_bytes,
      openKeys: async () => luksKeysOf(await this.#volumeKey(row)),
    };
  }

  async #volumeKey({ id, encrypted_for: accountId, key_envelope }: VolumeRow): Promise<Buffer> {
    if (accountId === null || key_envelope === null) throw new Error(`${id} has no key`);
    const { key } = await this.getAccountKey(accountId);
    return openWith(key, volumePurpose(id), key_envelope);
  }
}

function accountPurpose(accountId: string): string {
  return `account ${accountId}`;
}

function volumePurpose(id: VolumeId): string {
  return `volume ${id}`;
}
