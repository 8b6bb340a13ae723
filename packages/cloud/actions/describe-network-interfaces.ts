// Owns DescribeNetworkInterfaces.

import type { NetworkInterface } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { INTERFACE, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import {
  type InterfaceGroup,
  listInterfaceGroups,
  listInterfaces,
} from '../store/network-interfaces.ts';
import type { InterfaceRow } from '../store/schema.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import { renderInterface } from './render-interface.ts';
import { selectPage } from './select-page.ts';

interface InterfaceItem {
  row: InterfaceRow;
  groups: InterfaceGroup[];
  tags: Tag[];
}

const FILTERS: FilterTable<InterfaceItem> = {
  names: {
    'network-interface-id': ({ row }) => row.id,
    'addresses.private-ip-address': ({ row }) => row.privateIp,
    'private-ip-address': ({ row }) => row.privateIp,
    'attachment.attachment-id': ({ row }) => row.attachmentId,
    'attachment.device-index': ({ row }) => row.deviceIndex,
    'attachment.instance-id': ({ row }) => row.instanceId,
    'attachment.status': () => 'attached',
    'availability-zone': ({ row }) => row.zone,
    description: ({ row }) => row.description,
    'group-id': ({ groups }) => groups.map((group) => group.groupId),
    'group-name': ({ groups }) => groups.map((group) => group.name),
    'interface-type': () => 'interface',
    'mac-address': ({ row }) => row.macAddress,
    'owner-id': ({ row }) => row.accountId,
    status: () => 'in-use',
    'subnet-id': ({ row }) => row.subnetId,
    'vpc-id': ({ row }) => row.vpcId,
  },
  tags: ({ tags }) => tags,
};

export const describeNetworkInterfaces: Ec2Handler<'DescribeNetworkInterfaces'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(INTERFACE, input.NetworkInterfaceIds, 'NetworkInterfaceId');
  const db = app.store.query;
  const rows = await listInterfaces(db, context.accountId);
  const groups = await listInterfaceGroups(db, context.accountId);
  const tags = new TagIndex(await listTags(db, context.accountId));
  const named = ids.length === 0 ? rows : matchIds(INTERFACE, ids, rows);
  const shown = named.map((row): InterfaceItem => {
    const own = groups.filter((group) => group.interfaceId === row.id);
    return { row, groups: own, tags: tags.of(row.id) };
  });
  const listing = {
    action: 'DescribeNetworkInterfaces',
    idsParameter: 'networkInterfaceIds',
    table: FILTERS,
    sortKey: ({ row }: InterfaceItem) => row.id,
  };
  const { items, nextToken } = selectPage(shown, input, listing, ids);
  return { NetworkInterfaces: items.map((item) => render(item, app.region)), NextToken: nextToken };
};

function render({ row, groups, tags }: InterfaceItem, region: string): NetworkInterface {
  const shown = renderInterface({ row, groups }, region);
  const { instanceId: InstanceId, accountId: InstanceOwnerId } = row;
  return {
    ...shown,
    AvailabilityZone: row.zone,
    RequesterManaged: false,
    Attachment: { ...shown.Attachment, InstanceId, InstanceOwnerId },
    TagSet: renderTags(tags),
  };
}
