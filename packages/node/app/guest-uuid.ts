// Owns the UUID by which a guest knows itself.

import { createHash } from 'node:crypto';
import type { InstanceId } from '@ironbark/core/ids.ts';

/** EC2's guests know themselves by a UUID that starts with `ec2`; the same id gives the same UUID. */
export function guestUuid(id: InstanceId): string {
  const hex = `ec2${createHash('sha256').update(id).digest('hex')}`;
  const version = `4${hex.slice(13, 16)}`;
  const variant = `8${hex.slice(17, 20)}`;
  return [hex.slice(0, 8), hex.slice(8, 12), version, variant, hex.slice(20, 32)].join('-');
}
