// Owns ResetInstanceAttribute: source and destination are checked again. Kernel and ramdisk are the image's here.

import { notOffered } from '../app/refusals.ts';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { modifySourceCheck } from './instance-network.ts';

export const resetInstanceAttribute: Ec2Handler<'ResetInstanceAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  if (input.Attribute !== 'sourceDestCheck') {
    throw notOffered(`Resetting the instance attribute '${input.Attribute}'`);
  }
  return modifySourceCheck(app, context, id, true);
};
