// Owns RevokeSecurityGroupIngress.

import type { Ec2Handler } from './handler.ts';
import { revoking } from './security-group-rules.ts';

export const revokeSecurityGroupIngress: Ec2Handler<'RevokeSecurityGroupIngress'> = revoking({
  isEgress: 0,
});
