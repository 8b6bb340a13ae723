// Owns AttachNetworkInterface.

import { attachInterface } from '../app/interface-attachments.ts';
import { missingParameter, notOffered, refuseParameters } from '../app/refusals.ts';
import { INSTANCE, INTERFACE, parseId } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

export const attachNetworkInterface: Ec2Handler<'AttachNetworkInterface'> = async (
  app,
  context,
  input,
) => {
  refuseParameters(input, ['EnaSrdSpecification', 'EnaQueueCount']);
  if ((input.NetworkCardIndex ?? 0) !== 0) throw notOffered('A second network card');
  const interfaceId = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  const instanceId = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  if (input.DeviceIndex === undefined) throw missingParameter('DeviceIndex');
  const wish = { interfaceId, instanceId, deviceIndex: input.DeviceIndex };
  const AttachmentId = await changeNetwork(app, context, (change) =>
    attachInterface(app, context, change, wish),
  );
  return { AttachmentId, NetworkCardIndex: 0 };
};
