// Owns what a Cloud Controller's state means after its machine was lost and the state came back from a backup: all
// nodes are gone, and with them the instances' own disks.
//
// EC2 terminates an instance with an instance-store root when its host is lost; so are these. Volumes are not on the
// node: none is deleted with its instance here, whatever was wished for its orderly end.

import type { InstanceId } from '@ironbark/core/ids.ts';
import { BACKEND_TAG } from './app/volume-backends.ts';
import { openStore } from './store/store.ts';

const CODE = 'Server.InternalError';

export interface SettledCloud {
  terminated: InstanceId[];
  volumes: number;
}

/** `path` is the state of a cloud that does not run. Doing it again changes nothing. */
export async function settleRestoredCloud(path: string, takenAt: string): Promise<SettledCloud> {
  await using store = await openStore(path);
  return await store.transaction(async (tx) => {
    await tx.deleteFrom('node').execute();
    await tx.deleteFrom('nodeUse').execute();
    const rows = await tx
      .selectFrom('instance')
      .select(['id', 'generation', 'desiredPower'])
      .where('forgottenAt', 'is', null)
      .execute();
    const living = rows.filter(({ desiredPower }) => desiredPower !== 'terminated');
    for (const { id, generation } of rows) {
      await tx
        .updateTable('attachment')
        .set({ deleteOnTermination: 0 })
        .where('instanceId', '=', id)
        .execute();
      // Without a node nobody has to be waited for.
      await tx.updateTable('instance').set({ nodeId: null }).where('id', '=', id).execute();
      if (!living.some((each) => each.id === id)) continue;
      await tx
        .updateTable('instance')
        .set({
          desiredPower: 'terminated',
          generation: generation + 1,
          powerGeneration: generation + 1,
          stateReasonCode: CODE,
          stateReasonMessage: `${CODE}: The machine and the instance’s disk were lost; the cloud came back from a backup of ${takenAt}.`,
          transitionReason: CODE,
        })
        .where('id', '=', id)
        .execute();
    }
    // As the storage has them from now on.
    await tx.updateTable('tag').set({ value: 'file' }).where('key', '=', BACKEND_TAG).execute();
    const volumes = await tx
      .selectFrom('volume')
      .select('id')
      .where('desired', '=', 'present')
      .execute();
    return { terminated: living.map(({ id }) => id), volumes: volumes.length };
  });
}
