// Owns how ModifyInstanceAttribute changes what becomes of an instance's volumes at its end.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { App } from '../app/app.ts';
import { badMapping } from '../app/block-devices.ts';
import { changeFor } from '../app/change.ts';
import { getInstance } from '../app/instances.ts';
import { invalidCombination } from '../app/refusals.ts';
import { listAttachmentsOf, updateAttachment } from '../store/attachments.ts';
import { toFlag } from '../store/schema.ts';
import type { RequestContext } from './action.ts';

type Input = Ec2Input<'ModifyInstanceAttribute'>;
type Mapping = NonNullable<Input['BlockDeviceMappings']>[number];

export async function modifyDevices(
  app: App,
  context: RequestContext,
  id: InstanceId,
  input: Input,
): Promise<Record<string, never>> {
  const mappings = checkAlone(input);
  await changeFor(app, context, async ({ tx, touched }) => {
    await getInstance(tx, context, id);
    const attachments = await listAttachmentsOf(tx, id);
    for (const { DeviceName, Ebs } of mappings) {
      const attachment = attachments.find(({ deviceName }) => deviceName === DeviceName);
      if (attachment === undefined) {
        throw badMapping(`Invalid device name ${DeviceName}: '${id}' has no volume there.`);
      }
      if (Ebs?.VolumeId !== undefined && Ebs.VolumeId !== attachment.volumeId) {
        throw badMapping(`${DeviceName} is the volume '${attachment.volumeId}'.`);
      }
      if (Ebs?.DeleteOnTermination === undefined) continue;
      const deleteOnTermination = toFlag(Ebs.DeleteOnTermination);
      await updateAttachment(tx, attachment, { deleteOnTermination });
      touched.volumes.add(attachment.volumeId);
    }
  });
  return {};
}

/** One attribute at a time, and of a volume this one. */
function checkAlone(input: Input): readonly Mapping[] {
  const { InstanceId: _id, DryRun: _dry, Attribute, BlockDeviceMappings = [], ...others } = input;
  const isMore = Object.values(others).some((value) => value !== undefined);
  const isOther = Attribute !== undefined && Attribute !== 'blockDeviceMapping';
  if (isMore || isOther) {
    throw invalidCombination(
      'Fields for multiple attribute types specified; modify one at a time.',
    );
  }
  for (const { DeviceName, NoDevice, VirtualName } of BlockDeviceMappings) {
    if (NoDevice === undefined && VirtualName === undefined) continue;
    throw badMapping(`${DeviceName ?? ''}: use AttachVolume and DetachVolume for that.`);
  }
  return BlockDeviceMappings;
}
