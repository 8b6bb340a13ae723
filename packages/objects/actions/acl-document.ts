// Owns the rule that a list in a body names the owner as it is: lists give nothing away.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AclDocument, AclGrant } from '@ironbark/protocol/s3/acl.ts';

export function requireSameOwner(document: AclDocument, ownerId: string): readonly AclGrant[] {
  if (document.ownerId === ownerId) return document.grants;
  throw new ServiceError({
    kind: 'not-authorized',
    resource: 'acl',
    message: 'Access Denied: the owner in an ACL cannot be changed.',
  });
}
