// Owns DetachNetworkInterface. A guest is asked to let go, and keeps the card until it does; with `Force` it is not waited for.

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
  await changeFor(app, context, (change) =>
    detachInterface(context, change, { id, isForced: input.Force === true }),
  );
  return {};
};
