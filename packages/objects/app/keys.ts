// Owns the names of buckets and objects: which are allowed, and their order.

import { ServiceError } from '@ironbark/core/errors.ts';

/** S3's limit, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1_024;

/** One validator for keys from paths, headers, queries and bodies. Keys are names, never paths: `..` is fine. */
export function requireKey(key: string): string {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new ServiceError({
      kind: 'limit-exceeded',
      resource: 'object',
      message: 'Your key is too long.',
      details: { Size: String(Buffer.byteLength(key)), MaxSizeAllowed: String(MAX_KEY_BYTES) },
    });
  }
  // PostgreSQL's text has no NUL, and a lone surrogate has no UTF-8.
  if (key === '' || key.includes('\0') || !key.isWellFormed()) {
    throw new ServiceError({
      kind: 'malformed-id',
      resource: 'object',
      message: 'A key has to be 1 to 1,024 bytes of UTF-8 without the character NUL.',
    });
  }
  return key;
}

/** Source: AWS, "General purpose bucket naming rules". */
export function requireBucketName(name: string): string {
  const isGood =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !/^(?:xn--|sthree-|amzn-s3-demo-)/.test(name) &&
    !/(?:-s3alias|--ol-s3|\.mrap|--x-s3)$/.test(name);
  if (isGood) return name;
  throw new ServiceError({
    kind: 'malformed-id',
    resource: 'bucket',
    message:
      'The specified bucket is not valid: 3 to 63 lower-case letters, digits, dots and hyphens, ' +
      'beginning and ending with a letter or digit.',
    details: { BucketName: name },
  });
}

/**
 * Buckets that the cloud makes for itself when it needs them: a client that had the name first would keep every
 * account's snapshots from being stored. The images' bucket is an account's own.
 */
export function isReservedBucketName(name: string): boolean {
  return name.startsWith('ironbark-') && name !== 'ironbark-images';
}

const MAX_CODE_POINT = 0x10ffff;
const SURROGATES = { first: 0xd800, last: 0xdfff };

/**
 * The smallest text above every text with this prefix, in byte order of UTF-8, which is the order of code points.
 * Undefined when there is none.
 */
export function successor(prefix: string): string | undefined {
  const points = Array.from(prefix, (char) => char.codePointAt(0)!);
  while (points.at(-1) === MAX_CODE_POINT) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  const next = last + 1 === SURROGATES.first ? SURROGATES.last + 1 : last + 1;
  return String.fromCodePoint(...points, next);
}
