// Owns DescribeAccountAttributes.

import { refuse } from '../app/refusals.ts';
import { listVpcs } from '../store/networks.ts';
import type { Ec2Handler } from './handler.ts';

export const describeAccountAttributes: Ec2Handler<'DescribeAccountAttributes'> = async (
  app,
  context,
  input,
) => {
  const vpcs = await listVpcs(app.store.query, context.accountId);
  const defaultVpc = vpcs.find((vpc) => vpc.isDefault === 1)?.id ?? 'none';
  const values: Readonly<Record<string, string>> = {
    'supported-platforms': 'VPC',
    'default-vpc': defaultVpc,
  };
  const names = input.AttributeNames?.length ? input.AttributeNames : Object.keys(values);
  return {
    AccountAttributes: names.map((name) => ({
      AttributeName: name,
      AttributeValues: [{ AttributeValue: requireValue(values, name) }],
    })),
  };
};

function requireValue(values: Readonly<Record<string, string>>, name: string): string {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value !== undefined) return value;
  throw refuse('invalid-parameter', 'request', `The account attribute '${name}' is not offered.`);
}
