// Owns what authorizing and revoking rules have in common, whichever way the packets go.

import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { App } from '../app/app.ts';
import { changeFor } from '../app/change.ts';
import { authorizeRules, revokeRules } from '../app/group-rules.ts';
import { GROUP_RULE, parseIds } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { RequestContext } from './action.ts';
import { renderRevoked, renderRule } from './render-group.ts';

interface Way {
  isEgress: 0 | 1;
}

type Authorize = 'AuthorizeSecurityGroupIngress' | 'AuthorizeSecurityGroupEgress';
type Revoke = 'RevokeSecurityGroupIngress' | 'RevokeSecurityGroupEgress';

export function authorizing({ isEgress }: Way) {
  return async (app: App, context: RequestContext, input: Ec2Input<Authorize>) => {
    const types = ['security-group-rule'] as const;
    const { 'security-group-rule': tags } = parseTagSpecifications(input.TagSpecifications, types);
    const rules = await changeNetwork(app, context, (change) =>
      authorizeRules(app, context, change, { input, isEgress, tags }),
    );
    return {
      Return: true,
      SecurityGroupRules: rules.map((rule) => renderRule({ rule, tags }, app.region)),
    };
  };
}

export function revoking({ isEgress }: Way) {
  return async (app: App, context: RequestContext, input: Ec2Input<Revoke>) => {
    const ruleIds = parseIds(GROUP_RULE, input.SecurityGroupRuleIds, 'SecurityGroupRuleId');
    const rules = await changeFor(app, context, (change) =>
      revokeRules(context, change, { input, ruleIds, isEgress }),
    );
    return { Return: true, RevokedSecurityGroupRules: rules.map(renderRevoked) };
  };
}
