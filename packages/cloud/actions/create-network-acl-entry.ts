// Owns CreateNetworkAclEntry.

import { addEntry } from '../app/network-acls.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { parseEntry } from './acl-entry-input.ts';
import type { Ec2Handler } from './handler.ts';

export const createNetworkAclEntry: Ec2Handler<'CreateNetworkAclEntry'> = async (
  app,
  context,
  input,
) => {
  const entry = parseEntry(input);
  await changeNetwork(app, context, (change) => addEntry(context, change, entry));
  return {};
};
