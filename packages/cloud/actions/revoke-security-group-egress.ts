// Owns RevokeSecurityGroupEgress.

import type { Ec2Handler } from './handler.ts';
import { revoking } from './security-group-rules.ts';

export const revokeSecurityGroupEgress: Ec2Handler<'RevokeSecurityGroupEgress'> = revoking({
  isEgress: 1,
});
