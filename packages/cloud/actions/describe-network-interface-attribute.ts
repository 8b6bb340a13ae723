// Owns DescribeNetworkInterfaceAttribute.

import type { NetworkInterface } from '@aws-sdk/client-ec2';
import type { Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { invalidCombination, notOffered } from '../app/refusals.ts';
import { INTERFACE, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { getInterfaceItem, renderWhole } from './interface-items.ts';

type Output = Ec2Output<'DescribeNetworkInterfaceAttribute'>;

const ATTRIBUTES: Readonly<Record<string, (shown: NetworkInterface) => Output>> = {
  attachment: ({ Attachment }) => (Attachment === undefined ? {} : { Attachment }),
  description: ({ Description }) => ({ Description: { Value: Description } }),
  groupSet: ({ Groups }) => ({ Groups }),
  sourceDestCheck: ({ SourceDestCheck }) => ({ SourceDestCheck: { Value: SourceDestCheck } }),
  associatePublicIpAddress: () => ({ AssociatePublicIpAddress: false }),
};

export const describeNetworkInterfaceAttribute: Ec2Handler<
  'DescribeNetworkInterfaceAttribute'
> = async (app, context, input) => {
  const id = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  if (input.Attribute === undefined) throw invalidCombination('No attributes specified.');
  const render = ATTRIBUTES[input.Attribute];
  if (render === undefined) throw notOffered(`The interface attribute '${input.Attribute}'`);
  const item = await getInterfaceItem(app.store.query, context.accountId, id);
  return { NetworkInterfaceId: id, ...render(renderWhole(item, app.region)) };
};
