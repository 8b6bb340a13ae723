// Owns finding an association by the id that a caller gives.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { ProfileAssociationTable } from '../../store/iam-schema.ts';
import { findAssociation } from '../../store/instance-profiles.ts';
import type { Queries } from '../../store/store.ts';
import { notFound } from '../refusals.ts';
import { PROFILE_ASSOCIATION, parseId } from '../resource-ids.ts';

export async function getAssociation(
  db: Queries,
  accountId: AccountId,
  text: string,
): Promise<ProfileAssociationTable> {
  const id = parseId(PROFILE_ASSOCIATION, text, 'AssociationId');
  const association = await findAssociation(db, { id });
  if (association?.accountId === accountId) return association;
  throw notFound('profile-association', 'association ID', [id]);
}
