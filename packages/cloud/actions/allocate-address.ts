// Owns AllocateAddress: of the administrator's pool.

import { allocateAddress as allocate } from '../app/public-addresses.ts';
import { notOffered, refuseParameters } from '../app/refusals.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const allocateAddress: Ec2Handler<'AllocateAddress'> = async (app, context, input) => {
  refuseParameters(input, ['CustomerOwnedIpv4Pool', 'IpamPoolId']);
  const { Domain = 'vpc', PublicIpv4Pool = 'amazon', NetworkBorderGroup = app.region } = input;
  if (Domain !== 'vpc') throw notOffered(`The domain '${Domain}'`, "It is 'vpc'.");
  if (PublicIpv4Pool !== 'amazon') throw notOffered('A public IPv4 pool of your own');
  if (NetworkBorderGroup !== app.region) throw notOffered('Another network border group');
  const { 'elastic-ip': tags } = parseTagSpecifications(input.TagSpecifications, ['elastic-ip']);
  const row = await changeNetwork(app, context, (change) =>
    allocate(app, context, change, { wanted: input.Address, tags }),
  );
  return {
    PublicIp: row.publicIp,
    AllocationId: row.id,
    PublicIpv4Pool: 'amazon',
    NetworkBorderGroup: app.region,
    Domain: 'vpc',
  };
};
