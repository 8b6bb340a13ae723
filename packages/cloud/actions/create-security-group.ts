// Owns CreateSecurityGroup.

import { parseId, VPC } from '../app/resource-ids.ts';
import { checkGroupText, createGroup } from '../app/security-groups.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';
import { groupArn } from './render-group.ts';
import { tagsOf } from './render-instance.ts';

export const createSecurityGroup: Ec2Handler<'CreateSecurityGroup'> = async (
  app,
  context,
  input,
) => {
  const { VpcId, TagSpecifications } = input;
  const wish = {
    name: checkGroupText('GroupName', input.GroupName),
    description: checkGroupText('GroupDescription', input.Description),
    vpcId: VpcId === undefined ? undefined : parseId(VPC, VpcId, 'VpcId'),
    tags: parseTagSpecifications(TagSpecifications, ['security-group'])['security-group'],
  };
  const row = await changeNetwork(app, context, (change) =>
    createGroup(app, context, change, wish),
  );
  return { GroupId: row.id, ...tagsOf(wish.tags), SecurityGroupArn: groupArn(row, app.region) };
};
