// Owns AuthorizeSecurityGroupIngress.

import type { Ec2Handler } from './handler.ts';
import { authorizing } from './security-group-rules.ts';

export const authorizeSecurityGroupIngress: Ec2Handler<'AuthorizeSecurityGroupIngress'> =
  authorizing({ isEgress: 0 });
