// Owns ReplaceNetworkAclEntry.

import { replaceEntry } from '../app/network-acls.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { parseEntry } from './acl-entry-input.ts';
import type { Ec2Handler } from './handler.ts';

export const replaceNetworkAclEntry: Ec2Handler<'ReplaceNetworkAclEntry'> = async (
  app,
  context,
  input,
) => {
  const entry = parseEntry(input);
  await changeNetwork(app, context, (change) => replaceEntry(context, change, entry));
  return {};
};
