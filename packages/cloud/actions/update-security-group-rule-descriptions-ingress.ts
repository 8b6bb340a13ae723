// Owns UpdateSecurityGroupRuleDescriptionsIngress.

import { changeFor } from '../app/change.ts';
import { describeRules } from '../app/group-rules.ts';
import { parseRuleDescriptions } from './group-rule-input.ts';
import type { Ec2Handler } from './handler.ts';

export const updateSecurityGroupRuleDescriptionsIngress: Ec2Handler<
  'UpdateSecurityGroupRuleDescriptionsIngress'
> = async (app, context, input) => {
  const byId = parseRuleDescriptions(input.SecurityGroupRuleDescriptions);
  await changeFor(app, context, (change) =>
    describeRules(context, change, { input, isEgress: 0, byId }),
  );
  return { Return: true };
};
