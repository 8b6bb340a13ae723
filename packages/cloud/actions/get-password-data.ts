// Owns GetPasswordData: no guest here leaves a password for its owner, which EC2 says with an empty one.

import { getInstance } from '../app/instances.ts';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const getPasswordData: Ec2Handler<'GetPasswordData'> = async (app, context, input) => {
  const id = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  const { launchedAt } = await getInstance(app.store.query, context, id);
  return { InstanceId: id, Timestamp: new Date(launchedAt), PasswordData: '' };
};
