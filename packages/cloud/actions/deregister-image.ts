// Owns DeregisterImage: running instances keep what they have of the image, and its snapshots stay unless they are
// to go with it.

import type { DeleteSnapshotReturnCode } from '@aws-sdk/client-ec2';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import { parseDevices } from '../app/block-devices.ts';
import { type Change, changeFor } from '../app/change.ts';
import { removeImage } from '../app/images.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { removeSnapshot } from '../app/snapshots.ts';
import type { RequestContext } from './action.ts';
import type { Ec2Handler } from './handler.ts';

export const deregisterImage: Ec2Handler<'DeregisterImage'> = async (app, context, input) => {
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  return changeFor(app, context, async (change) => {
    const image = await removeImage(context, change, id);
    if (input.DeleteAssociatedSnapshots !== true) return { Return: true };
    const results: DeleteSnapshotReturnCode[] = [];
    for (const { snapshotId } of parseDevices(image)) {
      if (snapshotId !== undefined) results.push(await remove(context, change, snapshotId));
    }
    return { Return: true, DeleteSnapshotResults: results };
  });
};

/** One that another image has, or that is locked, stays. */
async function remove(
  context: RequestContext,
  change: Change,
  id: SnapshotId,
): Promise<DeleteSnapshotReturnCode> {
  try {
    await removeSnapshot(context, change, id);
    return { SnapshotId: id, ReturnCode: 'success' };
  } catch (error) {
    if (!isServiceError(error)) throw error;
    const ReturnCode = error.kind === 'in-use' ? 'skipped' : 'client-error';
    return { SnapshotId: id, ReturnCode };
  }
}
