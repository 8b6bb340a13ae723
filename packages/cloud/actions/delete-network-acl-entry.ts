// Owns DeleteNetworkAclEntry.

import { removeEntry } from '../app/network-acls.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { parseEntryKey } from './acl-entry-input.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteNetworkAclEntry: Ec2Handler<'DeleteNetworkAclEntry'> = async (
  app,
  context,
  input,
) => {
  const key = parseEntryKey(input);
  await changeNetwork(app, context, (change) => removeEntry(context, change, key));
  return {};
};
