// Owns the answers to keys that do not exist or have expired and to signatures that are wrong, the same for every form of a signature.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccessKeyRecord } from './internal/identity-client.ts';

export function unknownAccessKey(accessKeyId: string): ServiceError {
  return new ServiceError({
    kind: 'not-authenticated',
    resource: 'access-key',
    message: 'The access key id you provided does not exist in our records.',
    details: { AWSAccessKeyId: accessKeyId },
  });
}

/** `details` show what was signed, where the caller knows it already. */
export function wrongSignature(
  accessKeyId: string,
  details: Readonly<Record<string, string>> = {},
): ServiceError {
  return new ServiceError({
    kind: 'not-authenticated',
    resource: 'signature',
    message:
      'The request signature we calculated does not match the signature you provided. ' +
      'Check your secret access key and signing method.',
    details: { AWSAccessKeyId: accessKeyId, ...details },
  });
}

/** Temporary credentials are good until their time. */
export function requireFresh({ expiresAtMs }: AccessKeyRecord, nowMs: number): void {
  if (expiresAtMs === undefined || expiresAtMs > nowMs) return;
  throw new ServiceError({
    kind: 'not-authorized',
    resource: 'security-token',
    message: 'The security token included in the request is expired',
  });
}
