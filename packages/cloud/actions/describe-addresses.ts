// Owns DescribeAddresses.

import type { Address } from '@aws-sdk/client-ec2';
import { parseIpv4 } from '@ironbark/core/ipv4.ts';
import { applyFilters, type FilterTable } from '../app/filters.ts';
import { invalidValue, refuse } from '../app/refusals.ts';
import { ALLOCATION, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listAddresses } from '../store/addresses.ts';
import { listInterfaces } from '../store/network-interfaces.ts';
import type { AddressRow } from '../store/network-schema.ts';
import type { InterfaceRow } from '../store/schema.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { tagsOf } from './render-instance.ts';

interface AddressItem {
  row: AddressRow;
  holder: InterfaceRow | undefined;
  tags: Tag[];
}

function filtersOf(region: string): FilterTable<AddressItem> {
  return {
    names: {
      'allocation-id': ({ row }) => row.id,
      'association-id': ({ row }) => row.associationId ?? undefined,
      domain: () => 'vpc',
      'instance-id': ({ holder }) => holder?.instanceId || undefined,
      'network-border-group': () => region,
      'network-interface-id': ({ row }) => row.interfaceId ?? undefined,
      'network-interface-owner-id': ({ holder }) => holder?.accountId,
      'private-ip-address': ({ row }) => row.privateIp ?? undefined,
      'public-ip': ({ row }) => row.publicIp,
    },
    tags: ({ tags }) => tags,
  };
}

export const describeAddresses: Ec2Handler<'DescribeAddresses'> = async (app, context, input) => {
  const { accountId } = context;
  const ids = parseIds(ALLOCATION, input.AllocationIds, 'AllocationId');
  const publicIps = input.PublicIps ?? [];
  const db = app.store.query;
  const rows = (await listAddresses(db, accountId)).filter((row) => row.isAutomatic === 0);
  matchIds(ALLOCATION, ids, rows);
  const absent = publicIps.find((ip) => !rows.some((row) => row.publicIp === ip));
  if (absent !== undefined && parseIpv4(absent) === undefined) {
    throw invalidValue('PublicIp', absent.slice(0, 64), 'It is no IPv4 address.');
  }
  if (absent !== undefined) {
    throw refuse('not-found', 'address', `Address '${absent.slice(0, 64)}' not found.`);
  }
  const isAll = ids.length === 0 && publicIps.length === 0;
  const holders = new Map((await listInterfaces(db, accountId)).map((one) => [one.id, one]));
  const tags = new TagIndex(await listTagsOfType(db, accountId, 'elastic-ip'));
  const items = rows
    .filter((row) => isAll || ids.includes(row.id) || publicIps.includes(row.publicIp))
    .sort((left, right) => (left.id < right.id ? -1 : 1))
    .map((row): AddressItem => {
      const holder = row.interfaceId === null ? undefined : holders.get(row.interfaceId);
      return { row, holder, tags: tags.of(row.id) };
    });
  const shown = applyFilters(items, input.Filters, filtersOf(app.region));
  return { Addresses: shown.map((item) => render(item, app.region)) };
};

function render({ row, holder, tags }: AddressItem, region: string): Address {
  return {
    PublicIp: row.publicIp,
    AllocationId: row.id,
    Domain: 'vpc',
    PublicIpv4Pool: 'amazon',
    NetworkBorderGroup: region,
    ...(holder === undefined || row.associationId === null
      ? {}
      : {
          AssociationId: row.associationId,
          NetworkInterfaceId: holder.id,
          NetworkInterfaceOwnerId: holder.accountId,
          SubnetId: holder.subnetId,
          ...(row.privateIp === null ? {} : { PrivateIpAddress: row.privateIp }),
          ...(holder.instanceId === '' ? {} : { InstanceId: holder.instanceId }),
        }),
    ...tagsOf(tags),
  };
}
