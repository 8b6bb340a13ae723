// Owns AttachVolume.

import { attachVolume as attach, checkDeviceName } from '../app/attachments.ts';
import { changeFor } from '../app/change.ts';
import { missingParameter, notOffered } from '../app/refusals.ts';
import { INSTANCE, parseId, VOLUME } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { renderAttachment } from './render-volume.ts';

export const attachVolume: Ec2Handler<'AttachVolume'> = async (app, context, input) => {
  if ((input.EbsCardIndex ?? 0) !== 0) throw notOffered('A second EBS card');
  const volumeId = parseId(VOLUME, input.VolumeId, 'VolumeId');
  const instanceId = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  if (input.Device === undefined) throw missingParameter('Device');
  const deviceName = checkDeviceName(input.Device);
  const row = await changeFor(app, context, (change) =>
    attach(context, change, { volumeId, instanceId, deviceName }),
  );
  return renderAttachment(row);
};
