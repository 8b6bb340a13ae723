// Owns DetachVolume.

import { detachVolume as detach } from '../app/attachments.ts';
import { changeFor } from '../app/change.ts';
import { INSTANCE, parseId, VOLUME } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderAttachment } from './render-volume.ts';

export const detachVolume: Ec2Handler<'DetachVolume'> = async (app, context, input) => {
  const { InstanceId } = input;
  const wanted = {
    volumeId: parseId(VOLUME, input.VolumeId, 'VolumeId'),
    instanceId: InstanceId === undefined ? undefined : parseId(INSTANCE, InstanceId, 'InstanceId'),
    deviceName: input.Device,
    force: input.Force === true,
  };
  const row = await changeFor(app, context, (change) => detach(context, change, wanted));
  return renderAttachment(row);
};
