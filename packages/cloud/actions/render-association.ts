// Owns EC2's shape of an instance profile's association.

import type { IamInstanceProfileAssociation } from '@aws-sdk/client-ec2';
import { findById } from '../store/iam-names.ts';
import type { ProfileAssociationTable } from '../store/iam-schema.ts';
import type { Queries } from '../store/store.ts';
import { renderProfileLink } from './render-instance.ts';

export async function renderAssociation(
  db: Queries,
  { id, instanceId, profileId, createdAt }: ProfileAssociationTable,
  State: 'associated' | 'associating' | 'disassociating' = 'associated',
): Promise<IamInstanceProfileAssociation> {
  const profile = (await findById(db, 'instanceProfile', profileId))!;
  return {
    AssociationId: id,
    InstanceId: instanceId,
    IamInstanceProfile: renderProfileLink(profile),
    State,
    Timestamp: new Date(createdAt),
  };
}
