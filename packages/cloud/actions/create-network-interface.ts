// Owns CreateNetworkInterface.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import { makeOnce } from '../app/client-tokens.ts';
import {
  checkInterfaceDescription,
  createInterface,
  type InterfaceWish,
} from '../app/network-interfaces.ts';
import { notOffered, refuseParameters } from '../app/refusals.ts';
import { GROUP, parseId, parseIds, SUBNET } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';
import { getInterfaceItem, renderWhole } from './interface-items.ts';
import { parseIpv6Wish } from './ipv6-input.ts';
import { parsePrivateAddresses } from './private-addresses.ts';

const NOT_OFFERED = [
  'Ipv4Prefixes',
  'Ipv4PrefixCount',
  'Ipv6Prefixes',
  'Ipv6PrefixCount',
  'EnablePrimaryIpv6',
  'ConnectionTrackingSpecification',
  'Operator',
];

export const createNetworkInterface: Ec2Handler<'CreateNetworkInterface'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, NOT_OFFERED);
  const { InterfaceType = 'interface' } = input;
  if ((InterfaceType as string) !== 'interface') {
    throw notOffered(`The interface type '${InterfaceType}'`);
  }
  const types = ['network-interface'] as const;
  const { 'network-interface': tags } = parseTagSpecifications(input.TagSpecifications, types);
  const wish: InterfaceWish = {
    subnetId: parseId(SUBNET, input.SubnetId, 'SubnetId'),
    groupIds: parseIds(GROUP, input.Groups, 'SecurityGroupId'),
    description: checkInterfaceDescription(input.Description),
    ...parsePrivateAddresses(input),
    ...parseIpv6Wish(input),
    tags,
  };
  const call = { action: 'CreateNetworkInterface', token: input.ClientToken, parameters: input };
  return changeNetwork(app, context, async (change) => {
    const [id] = await makeOnce<InterfaceId>(change, context, call, async () => [
      await createInterface(app, context, change, wish),
    ]);
    const item = await getInterfaceItem(change.tx, context.accountId, id!);
    const shown = renderWhole(item, app.region);
    return { NetworkInterface: shown, ClientToken: input.ClientToken };
  });
};
