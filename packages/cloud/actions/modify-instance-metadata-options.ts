// Owns ModifyInstanceMetadataOptions.

import type { MetadataIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { changeFor } from '../app/change.ts';
import { getInstance } from '../app/instances.ts';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import { updateInstance } from '../store/instances.ts';
import type { Ec2Handler } from './handler.ts';
import { parseMetadataOptions } from './launch-parameters.ts';
import { renderMetadataOptions } from './render-instance.ts';

export const modifyInstanceMetadataOptions: Ec2Handler<'ModifyInstanceMetadataOptions'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  const row = await changeFor(app, context, async ({ tx, touched }) => {
    const before = await getInstance(tx, context, id);
    const options = JSON.parse(before.metadataOptions) as MetadataIntent['options'];
    await updateInstance(tx, id, {
      metadataOptions: JSON.stringify(parseMetadataOptions(input, options)),
      generation: before.generation + 1,
    });
    touched.instances.add(id);
    return getInstance(tx, context, id);
  });
  return { InstanceId: id, InstanceMetadataOptions: renderMetadataOptions({ row }) };
};
