// Owns encryption of objects: AES-256 in counter mode under a key of each object, which is kept in an envelope.
//
//   keyring closes account keys (state) close objects' keys (state);   a customer's own key closes its objects' keys
//
// Counter mode gives any range without reading what is before it. Each blob begins with a nonce of its own; that stored
// bytes are whole is what the blocks' CRCs are for.

import { createCipheriv, createHmac } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import { giveBack } from '@ironbark/platform/blocks.ts';
import { closeWith, openWith } from '@ironbark/platform/envelopes.ts';
import type { BucketTable } from '../store/schema.ts';
import type { ObjectsContext } from './context.ts';

/** As it is kept with a version, in JSON. `envelope` has the object's key. */
export type ObjectEncryption =
  | { mode: 'AES256'; envelope: string }
  | { mode: 'aws:kms'; envelope: string; keyArn: string }
  | { mode: 'customer'; envelope: string; keyMd5: string };

/** What a customer sends along with each request. */
export interface CustomerKey {
  key: Buffer;
  /** Base64. */
  keyMd5: string;
}

export type EncryptionWish =
  | { mode: 'AES256' }
  | { mode: 'aws:kms'; keyArn: string }
  | { mode: 'customer'; customer: CustomerKey };

/** An object's key, and what is kept of it. */
export interface ObjectSeal {
  encryption: ObjectEncryption;
  key: Buffer;
}

export const KEY_BYTES = 32;
const NONCE_BYTES = 16;
const CIPHER = 'aes-256-ctr';
const BLOCK_BYTES = 16;

/** A new object's key. Undefined where nothing is to be encrypted. */
export async function makeSeal(
  context: ObjectsContext,
  bucket: BucketTable,
  wish: EncryptionWish | undefined,
): Promise<ObjectSeal | undefined> {
  if (wish === undefined) return undefined;
  const key = context.random.bytes(KEY_BYTES);
  const purpose = purposeOf(wish.mode);
  if (wish.mode === 'customer') {
    const { key: outer, keyMd5 } = wish.customer;
    const envelope = closeWith(outer, { purpose, key, random: context.random });
    return { key, encryption: { mode: 'customer', envelope, keyMd5 } };
  }
  const outer = await context.accountKeys.get(bucket.account_id);
  const envelope = closeWith(outer, { purpose, key, random: context.random });
  return { key, encryption: { ...wish, envelope } };
}

/** The key of what is there. Throws when the customer's key is missing, wrong or not wanted. */
export async function openSeal(
  context: ObjectsContext,
  bucket: BucketTable,
  encryption: ObjectEncryption | undefined,
  customer: CustomerKey | undefined,
): Promise<ObjectSeal | undefined> {
  if (encryption?.mode === 'customer') return openCustomers(encryption, customer);
  if (customer !== undefined) throw badKeyRequest(NOT_CUSTOMERS);
  if (encryption === undefined) return undefined;
  const outer = await context.accountKeys.get(bucket.account_id);
  return { encryption, key: openWith(outer, purposeOf(encryption.mode), encryption.envelope) };
}

const NOT_CUSTOMERS =
  'The encryption parameters are not applicable to this object: it was not encrypted with a key of yours.';

function openCustomers(
  encryption: ObjectEncryption & { mode: 'customer' },
  customer: CustomerKey | undefined,
): ObjectSeal {
  if (customer === undefined) {
    throw badKeyRequest(
      'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
    );
  }
  try {
    return { encryption, key: openWith(customer.key, purposeOf('customer'), encryption.envelope) };
  } catch (error) {
    throw new ServiceError({
      kind: 'operation-not-permitted',
      resource: 'encryption',
      message: 'The provided encryption parameters did not match the ones used originally.',
      cause: error,
    });
  }
}

function badKeyRequest(message: string): ServiceError {
  return new ServiceError({ kind: 'operation-not-permitted', resource: 'encryption', message });
}

function purposeOf(mode: ObjectEncryption['mode']): string {
  return `ironbark object ${mode}`;
}

/** Of a new blob. */
export function newNonce(context: ObjectsContext): string {
  return context.random.bytes(NONCE_BYTES).toString('base64');
}

/** Encrypts a blob piece by piece. */
export function sealer({ key }: ObjectSeal, nonce: string): (bytes: Uint8Array) => Uint8Array {
  const cipher = createCipheriv(CIPHER, key, Buffer.from(nonce, 'base64'));
  return (bytes) => cipher.update(bytes);
}

interface CryptOptions {
  key: Buffer;
  nonce: string;
  /** Where in the blob the bytes begin. */
  offset: number;
}

/** Encrypting and decrypting are the same. */
export async function* crypt(
  chunks: AsyncIterable<Uint8Array>,
  options: CryptOptions,
): AsyncGenerator<Uint8Array> {
  const cipher = cipherAt(options);
  for await (const chunk of chunks) {
    const bytes = cipher.update(chunk);
    giveBack(chunk);
    yield bytes;
  }
}

/** As `crypt`, of what is small. */
export function cryptWhole(bytes: Uint8Array, options: CryptOptions): Buffer {
  return cipherAt(options).update(bytes);
}

function cipherAt({ key, nonce, offset }: CryptOptions) {
  const counter = addToCounter(Buffer.from(nonce, 'base64'), Math.floor(offset / BLOCK_BYTES));
  const cipher = createCipheriv(CIPHER, key, counter);
  cipher.update(Buffer.alloc(offset % BLOCK_BYTES));
  return cipher;
}

function addToCounter(nonce: Buffer, blocks: number): Buffer {
  const sum = (BigInt(`0x${nonce.toString('hex')}`) + BigInt(blocks)) & ((1n << 128n) - 1n);
  return Buffer.from(sum.toString(16).padStart(NONCE_BYTES * 2, '0'), 'hex');
}

/**
 * As on AWS, the entity tag of what a customer's or KMS's key encrypts is no MD5 of the bytes: it would tell what they
 * are.
 */
export function sealedEtag(md5: string, seal: ObjectSeal | undefined): string {
  if (seal === undefined || seal.encryption.mode === 'AES256') return md5;
  return createHmac('md5', seal.key).update(md5).digest('hex');
}
