// Owns whether a caller may use an action of EC2 or STS: asked for every request, before its parameters are read.

import { decideAccess } from '@ironbark/protocol/internal/authorization.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { refuse } from './refusals.ts';

export interface ActionAccess {
  principal: Principal;
  service: string;
  /** AWS's name, implemented or not. */
  action: string;
  region: string;
}

/** Resources are found by account only, so nothing of another one can be named here. */
export function authorize({ principal, service, action, region }: ActionAccess): void {
  const permission = `${service}:${action}`;
  const decision = decideAccess({
    principal,
    action: permission,
    resource: { arn: '*', accountId: principal.accountId },
    context: { 'aws:RequestedRegion': region },
  });
  if (decision === 'allowed') return;
  throw refuse(
    'not-authorized',
    'action',
    `You are not authorized to perform this operation. User: ${principal.arn} is not authorized to perform: ` +
      `${permission} because no identity-based policy allows the ${permission} action`,
  );
}
