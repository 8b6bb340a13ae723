// Owns DisassociateIamInstanceProfile: what the instance had been given is good no longer.

import { changeFor } from '../app/change.ts';
import { getAssociation } from '../app/iam/association-lookup.ts';
import { dissociateProfile, tellNode } from '../app/iam/profile-associations.ts';
import type { Ec2Handler } from './handler.ts';
import { renderAssociation } from './render-association.ts';

export const disassociateIamInstanceProfile: Ec2Handler<'DisassociateIamInstanceProfile'> = (
  app,
  context,
  input,
) =>
  changeFor(app, context, async (change) => {
    const association = await getAssociation(change.tx, context.accountId, input.AssociationId);
    const shown = await renderAssociation(change.tx, association, 'disassociating');
    await dissociateProfile(change.tx, association.instanceId);
    await tellNode(change, association);
    return { IamInstanceProfileAssociation: shown };
  });
