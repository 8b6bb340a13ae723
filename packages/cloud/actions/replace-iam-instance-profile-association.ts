// Owns ReplaceIamInstanceProfileAssociation: another profile in the place of the one that an instance has.

import { changeFor } from '../app/change.ts';
import { getAssociation } from '../app/iam/association-lookup.ts';
import {
  associateProfile,
  dissociateProfile,
  getPassedProfile,
  requirePassRole,
  tellNode,
} from '../app/iam/profile-associations.ts';
import type { Ec2Handler } from './handler.ts';
import { renderAssociation } from './render-association.ts';

export const replaceIamInstanceProfileAssociation: Ec2Handler<
  'ReplaceIamInstanceProfileAssociation'
> = async (app, context, input) => {
  const { accountId } = context;
  const wish = await requirePassRole(app, context, input.IamInstanceProfile);
  return await changeFor(app, context, async (change) => {
    const { tx } = change;
    const { instanceId } = await getAssociation(tx, accountId, input.AssociationId);
    const profile = await getPassedProfile(tx, accountId, wish);
    await dissociateProfile(tx, instanceId);
    const instance = { id: instanceId, accountId };
    const association = await associateProfile(app, change, instance, profile);
    await tellNode(change, association);
    const shown = await renderAssociation(tx, association, 'associating');
    return { IamInstanceProfileAssociation: shown };
  });
};
