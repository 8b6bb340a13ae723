// Owns UpdateSecurityGroupRuleDescriptionsEgress.

import { changeFor } from '../app/change.ts';
import { describeRules } from '../app/group-rules.ts';
import { parseRuleDescriptions } from './group-rule-input.ts';
import type { Ec2Handler } from './handler.ts';

export const updateSecurityGroupRuleDescriptionsEgress: Ec2Handler<
  'UpdateSecurityGroupRuleDescriptionsEgress'
> = async (app, context, input) => {
  const byId = parseRuleDescriptions(input.SecurityGroupRuleDescriptions);
  await changeFor(app, context, (change) =>
    describeRules(context, change, { input, isEgress: 1, byId }),
  );
  return { Return: true };
};
