// Owns ReleaseAddress.

import { changeFor } from '../app/change.ts';
import { releaseAddress as release } from '../app/public-addresses.ts';
import { notOffered } from '../app/refusals.ts';
import type { Ec2Handler } from './handler.ts';

export const releaseAddress: Ec2Handler<'ReleaseAddress'> = async (app, context, input) => {
  const { NetworkBorderGroup = app.region } = input;
  if (NetworkBorderGroup !== app.region) throw notOffered('Another network border group');
  await changeFor(app, context, (change) => release(context, change, input));
  return {};
};
