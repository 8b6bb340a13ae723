// Owns DescribeAvailabilityZones: one zone, which is one cluster.

import type { AvailabilityZone } from '@aws-sdk/client-ec2';
import { applyFilters, type FilterTable } from '../app/filters.ts';
import { zoneUnknown } from '../app/networks.ts';
import { refuse } from '../app/refusals.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import type { Ec2Handler } from './handler.ts';

const FILTERS: FilterTable<AvailabilityZone> = {
  names: {
    'group-name': (zone) => zone.GroupName,
    'group-long-name': () => undefined,
    message: () => undefined,
    'parent-zone-id': () => undefined,
    'parent-zone-name': () => undefined,
    'opt-in-status': (zone) => zone.OptInStatus,
    'region-name': (zone) => zone.RegionName,
    state: (zone) => zone.State,
    'zone-id': (zone) => zone.ZoneId,
    'zone-name': (zone) => zone.ZoneName,
    'zone-type': (zone) => zone.ZoneType,
  },
};

export const describeAvailabilityZones: Ec2Handler<'DescribeAvailabilityZones'> = async (
  app,
  _context,
  input,
) => {
  const zone: AvailabilityZone = {
    ZoneName: app.zone,
    ZoneId: zoneIdOf(app.zone),
    ZoneType: 'availability-zone',
    RegionName: app.region,
    GroupName: app.region,
    NetworkBorderGroup: app.region,
    State: 'available',
    OptInStatus: 'opt-in-not-required',
    Messages: [],
  };
  const unknownName = (input.ZoneNames ?? []).find((name) => name !== app.zone);
  if (unknownName !== undefined) throw zoneUnknown(unknownName, [app.zone]);
  const unknownId = (input.ZoneIds ?? []).find((id) => id !== zone.ZoneId);
  if (unknownId !== undefined) {
    throw refuse('invalid-parameter', 'availability-zone', `Invalid zone id: ${unknownId}.`);
  }
  return { AvailabilityZones: applyFilters([zone], input.Filters, FILTERS) };
};
