// Owns the headers of encryption: what a writer asks for, what a customer's key is, and what an object is shown to be.
// Source: AWS, "Protecting data with server-side encryption".

import { createHash } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import { parseSseAlgorithm } from '@ironbark/protocol/s3/bucket-encryption.ts';
import { parseDigest } from '@ironbark/protocol/s3/checksums.ts';
import type { Bucket } from '../app/bucket-settings.ts';
import type { ObjectsContext } from '../app/context.ts';
import { defaultWish, requireKey } from '../app/default-encryption.ts';
import {
  type CustomerKey,
  type EncryptionWish,
  KEY_BYTES,
  type ObjectEncryption,
} from '../app/encryption.ts';
import type { S3Request } from './action.ts';

const SSE = 'x-amz-server-side-encryption';
const KMS_KEY = `${SSE}-aws-kms-key-id`;
const KMS_CONTEXT = `${SSE}-context`;
const CUSTOMER = `${SSE}-customer`;
const OF_COPY_SOURCE = 'x-amz-copy-source-server-side-encryption-customer';

type Headers = Pick<S3Request, 'header'>;

/** What the request asks for, else what is set on the bucket. */
export function readEncryptionWish(
  context: ObjectsContext,
  request: Headers,
  bucket: Bucket,
): EncryptionWish | undefined {
  const customer = readCustomerKey(request);
  const asked = readManagedWish(context, request, bucket.account_id);
  if (customer !== undefined && asked !== undefined) {
    throw badHeader(
      'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
    );
  }
  if (customer !== undefined) return { mode: 'customer', customer };
  return asked ?? defaultWish(context, bucket);
}

function readManagedWish(
  context: ObjectsContext,
  request: Headers,
  accountId: AccountId,
): EncryptionWish | undefined {
  const name = request.header(SSE);
  const keyId = request.header(KMS_KEY);
  if (request.header(KMS_CONTEXT) !== undefined) {
    throw new ServiceError({
      kind: 'unsupported',
      resource: 'encryption',
      message: 'An encryption context is not implemented.',
    });
  }
  if (keyId !== undefined && name !== 'aws:kms') {
    throw badHeader(`${KMS_KEY} needs ${SSE}: aws:kms beside it.`);
  }
  if (name === undefined) return undefined;
  const mode = parseSseAlgorithm(name);
  return mode === 'AES256' ? { mode } : { mode, keyArn: requireKey(context, accountId, keyId) };
}

export function readCustomerKey(request: Headers): CustomerKey | undefined {
  return readKeyHeaders(request, CUSTOMER);
}

/** Of the source of a copy. */
export function readSourceKey(request: Headers): CustomerKey | undefined {
  return readKeyHeaders(request, OF_COPY_SOURCE);
}

function readKeyHeaders(request: Headers, prefix: string): CustomerKey | undefined {
  const algorithm = request.header(`${prefix}-algorithm`);
  const text = request.header(`${prefix}-key`);
  const keyMd5 = request.header(`${prefix}-key-md5`);
  if (algorithm === undefined && text === undefined && keyMd5 === undefined) return undefined;
  if (algorithm === undefined) throw missing('a valid encryption algorithm');
  if (algorithm !== 'AES256') throw badAlgorithm(algorithm);
  if (text === undefined) throw missing('an appropriate secret key');
  if (keyMd5 === undefined) throw missing('the client calculated MD5 of the secret key');
  const key = Buffer.from(text, 'base64');
  if (key.length !== KEY_BYTES) {
    throw badHeader('The secret key was invalid for the specified algorithm.');
  }
  const expected = parseDigest('md5', keyMd5);
  if (expected !== undefined && createHash('md5').update(key).digest().equals(expected)) {
    return { key, keyMd5 };
  }
  throw badHeader('The calculated MD5 hash of the key did not match the hash that was provided.');
}

function missing(what: string): ServiceError {
  return badHeader(
    `Requests specifying Server Side Encryption with Customer provided keys must provide ${what}.`,
  );
}

/** What is managed here needs nothing to be read, and AWS refuses to be told how. */
export function refuseManagedHeaders(request: Headers): void {
  if (request.header(SSE) === undefined && request.header(KMS_KEY) === undefined) return;
  throw badHeader(`${SSE} header is not supported for this operation.`);
}

export function encryptionHeaders(
  encryption: ObjectEncryption | undefined,
): Record<string, string> {
  if (encryption === undefined) return {};
  if (encryption.mode === 'customer') {
    return { [`${CUSTOMER}-algorithm`]: 'AES256', [`${CUSTOMER}-key-md5`]: encryption.keyMd5 };
  }
  if (encryption.mode === 'AES256') return { [SSE]: 'AES256' };
  return { [SSE]: 'aws:kms', [KMS_KEY]: encryption.keyArn };
}

function badAlgorithm(name: string): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'encryption',
    message: `The encryption request that you specified is not valid. The valid value is AES256, not ${name.slice(0, 32)}.`,
  });
}

function badHeader(message: string): ServiceError {
  return new ServiceError({ kind: 'invalid-parameter', resource: 'encryption', message });
}
