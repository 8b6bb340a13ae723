// Owns DescribeInstanceTypeOfferings.

import type { InstanceTypeOffering } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { INSTANCE_TYPES } from '../app/instance-types.ts';
import { notOffered } from '../app/refusals.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<InstanceTypeOffering> = {
  names: {
    'instance-type': (offering) => offering.InstanceType,
    location: (offering) => offering.Location,
  },
};

export const describeInstanceTypeOfferings: Ec2Handler<'DescribeInstanceTypeOfferings'> = async (
  app,
  _context,
  input,
) => {
  const LocationType = input.LocationType ?? 'region';
  const places: Readonly<Record<string, string>> = {
    region: app.region,
    'availability-zone': app.zone,
    'availability-zone-id': zoneIdOf(app.zone),
  };
  const Location = places[LocationType];
  if (Location === undefined) throw notOffered(`LocationType '${LocationType}'`);
  const offerings = INSTANCE_TYPES.map(
    (type): InstanceTypeOffering => ({
      InstanceType: type.name as NonNullable<InstanceTypeOffering['InstanceType']>,
      LocationType,
      Location,
    }),
  );
  const { items, nextToken } = selectPage(offerings, input, {
    action: 'DescribeInstanceTypeOfferings',
    table: FILTERS,
    sortKey: (offering) => offering.InstanceType ?? '',
  });
  return { InstanceTypeOfferings: items, NextToken: nextToken };
};
