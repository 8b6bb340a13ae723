// Owns CreateDefaultSubnet, for an account that deleted its own.

import { insertDefaultSubnet } from '../app/default-network.ts';
import { getDefaultVpc } from '../app/find-vpc.ts';
import { notOffered, refuse } from '../app/refusals.ts';
import { getSubnet, parseZone } from '../app/subnets.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { touchVpc } from '../app/vpc-changes.ts';
import { listSubnets } from '../store/networks.ts';
import type { Ec2Handler } from './handler.ts';
import { renderSubnet } from './render-subnet.ts';

export const createDefaultSubnet: Ec2Handler<'CreateDefaultSubnet'> = async (
  app,
  context,
  input,
) => {
  if (input.Ipv6Native === true) throw notOffered('IPv6');
  const { accountId } = context;
  const zone = parseZone(app, input);
  return changeNetwork(app, context, async (change) => {
    const vpc = await getDefaultVpc(change.tx, accountId);
    const subnets = await listSubnets(change.tx, accountId);
    const known = subnets.find((subnet) => subnet.isDefault === 1 && subnet.zone === zone);
    if (known !== undefined) {
      const message = `'${known.id}' is already the default subnet in ${zone}.`;
      throw refuse('duplicate', 'default-subnet', message);
    }
    const where = { accountId, vpcId: vpc.id };
    const id = await insertDefaultSubnet(change.tx, where, { ...app, zone });
    await touchVpc(change, vpc.id);
    const row = await getSubnet(change, context, id);
    return { Subnet: renderSubnet({ row, ipv6: undefined, tags: [], used: 0 }, app.region) };
  });
};
