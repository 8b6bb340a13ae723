// Owns AssociateIamInstanceProfile: a running or stopped instance gets a role's credentials.

import { changeFor } from '../app/change.ts';
import {
  associateProfile,
  getPassedProfile,
  requirePassRole,
  tellNode,
} from '../app/iam/profile-associations.ts';
import { getInstance } from '../app/instances.ts';
import { refuse } from '../app/refusals.ts';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderAssociation } from './render-association.ts';

export const associateIamInstanceProfile: Ec2Handler<'AssociateIamInstanceProfile'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  const { accountId } = context;
  const wish = await requirePassRole(app, context, input.IamInstanceProfile);
  return await changeFor(app, context, async (change) => {
    const { tx } = change;
    const instance = await getInstance(tx, context, id);
    if (instance.desiredPower === 'terminated') {
      const message = `The instance '${id}' is not in the 'running' or 'stopped' states.`;
      throw refuse('incorrect-state', 'instance', message);
    }
    const profile = await getPassedProfile(tx, accountId, wish);
    const association = await associateProfile(app, change, instance, profile);
    await tellNode(change, association);
    const shown = await renderAssociation(tx, association, 'associating');
    return { IamInstanceProfileAssociation: shown };
  });
};
