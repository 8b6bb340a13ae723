// Owns how one key becomes several, none of which tells anything of another: HKDF (RFC 5869) with SHA-256.

import { hkdfSync } from 'node:crypto';

/** `purpose` names what the new key is for, and which version of that. */
export function deriveKey(key: Buffer, purpose: string, lengthBytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', purpose, lengthBytes));
}
