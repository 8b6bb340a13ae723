// Owns GetSecurityGroupsForVpc: the groups that interfaces in a VPC can have, which are the VPC's own.

import type { SecurityGroupForVpc } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { getVpc } from '../app/find-vpc.ts';
import { parseId, VPC } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import type { SecurityGroupRow } from '../store/schema.ts';
import { listGroups } from '../store/security-groups.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { tagsOf } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface GroupItem {
  row: SecurityGroupRow;
  tags: Tag[];
}

const FILTERS: FilterTable<GroupItem> = {
  names: {
    description: ({ row }) => row.description,
    'group-id': ({ row }) => row.id,
    'group-name': ({ row }) => row.name,
    'owner-id': ({ row }) => row.accountId,
    'primary-vpc-id': ({ row }) => row.vpcId,
  },
  tags: ({ tags }) => tags,
};

export const getSecurityGroupsForVpc: Ec2Handler<'GetSecurityGroupsForVpc'> = async (
  app,
  { accountId },
  input,
) => {
  const id = parseId(VPC, input.VpcId, 'VpcId');
  const db = app.store.query;
  await getVpc(db, accountId, id);
  const tags = new TagIndex(await listTagsOfType(db, accountId, 'security-group'));
  const own = (await listGroups(db, accountId)).filter(({ vpcId }) => vpcId === id);
  const { items, nextToken } = selectPage(
    own.map((row): GroupItem => ({ row, tags: tags.of(row.id) })),
    input,
    {
      action: 'GetSecurityGroupsForVpc',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
  );
  return { SecurityGroupForVpcs: items.map(render), NextToken: nextToken };
};

function render({ row, tags }: GroupItem): SecurityGroupForVpc {
  return {
    Description: row.description,
    GroupName: row.name,
    OwnerId: row.accountId,
    GroupId: row.id,
    PrimaryVpcId: row.vpcId,
    ...tagsOf(tags),
  };
}
