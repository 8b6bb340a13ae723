// Owns AuthorizeSecurityGroupEgress.

import type { Ec2Handler } from './handler.ts';
import { authorizing } from './security-group-rules.ts';

export const authorizeSecurityGroupEgress: Ec2Handler<'AuthorizeSecurityGroupEgress'> = authorizing(
  { isEgress: 1 },
);
