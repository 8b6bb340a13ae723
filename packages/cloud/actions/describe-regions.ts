// Owns DescribeRegions: a cloud is one region.

import type { Region } from '@aws-sdk/client-ec2';
import { applyFilters, type FilterTable } from '../app/filters.ts';
import { refuse } from '../app/refusals.ts';
import type { Ec2Handler } from './handler.ts';

const FILTERS: FilterTable<Region> = {
  names: {
    endpoint: (region) => region.Endpoint,
    'opt-in-status': (region) => region.OptInStatus,
    'region-name': (region) => region.RegionName,
  },
};

export const describeRegions: Ec2Handler<'DescribeRegions'> = async (app, _context, input) => {
  const absent = (input.RegionNames ?? []).filter((name) => name !== app.region);
  if (absent.length > 0) {
    throw refuse(
      'invalid-parameter',
      'region',
      `Invalid region name: ${absent.join(', ')}. This cloud is region ${app.region}.`,
    );
  }
  const region: Region = {
    RegionName: app.region,
    // Never AWS's own name: a client that follows it would take its requests there.
    ...(app.endpoint === undefined ? {} : { Endpoint: app.endpoint }),
    OptInStatus: 'opt-in-not-required',
  };
  return { Regions: applyFilters([region], input.Filters, FILTERS) };
};
