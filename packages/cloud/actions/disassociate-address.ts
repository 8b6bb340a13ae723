// Owns DisassociateAddress.

import { changeFor } from '../app/change.ts';
import { disassociateAddress as disassociate } from '../app/public-addresses.ts';
import type { Ec2Handler } from './handler.ts';

export const disassociateAddress: Ec2Handler<'DisassociateAddress'> = async (
  app,
  context,
  input,
) => {
  await changeFor(app, context, (change) => disassociate(context, change, input));
  return {};
};
