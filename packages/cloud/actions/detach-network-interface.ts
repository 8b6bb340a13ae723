// Owns DetachNetworkInterface. `Force` changes nothing here: a guest is asked until it lets go, and no longer than it runs.

import { changeFor } from '../app/change.ts';
import { detachInterface } from '../app/interface-attachments.ts';
import { INTERFACE_ATTACHMENT, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const detachNetworkInterface: Ec2Handler<'DetachNetworkInterface'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INTERFACE_ATTACHMENT, input.AttachmentId, 'AttachmentId');
  await changeFor(app, context, (change) => detachInterface(context, change, id));
  return {};
};
