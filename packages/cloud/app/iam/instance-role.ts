// Owns what an instance's node is told of its profile: names, and credentials with their time.

import type { InstanceId } from '@ironbark/core/ids.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import type { RoleIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { findById } from '../../store/iam-names.ts';
import { findAssociation } from '../../store/instance-profiles.ts';
import { findSessionOfInstance } from '../../store/sessions.ts';
import type { Queries } from '../../store/store.ts';
import { entityArn } from './names.ts';

/** Undefined without a profile, and while its role cannot be had. */
export async function loadInstanceRole(
  db: Queries,
  instanceId: InstanceId,
): Promise<RoleIntent | undefined> {
  const association = await findAssociation(db, { instanceId });
  if (association === undefined) return undefined;
  const profile = await findById(db, 'instanceProfile', association.profileId);
  const session = await findSessionOfInstance(db, instanceId);
  const role = session && (await findById(db, 'role', session.holderId));
  if (profile === undefined || session === undefined || role === undefined) return undefined;
  return {
    profileArn: entityArn('instance-profile', profile),
    profileId: profile.id,
    roleName: role.name,
    accessKeyId: session.id,
    secretAccessKey: session.secret,
    token: session.token,
    issuedAt: renderTime(session.issuedAt),
    expiresAt: renderTime(session.expiresAt),
  };
}
