// Owns what turning detailed monitoring on and off has in common: all of the instances, or none.

import type { InstanceMonitoring } from '@aws-sdk/client-ec2';
import type { InstanceId } from '@ironbark/core/ids.ts';
import type { App } from '../app/app.ts';
import { changeFor } from '../app/change.ts';
import { INSTANCE, matchIds } from '../app/resource-ids.ts';
import { findInstances, updateInstance } from '../store/instances.ts';
import { toFlag } from '../store/schema.ts';
import type { RequestContext } from './action.ts';
import { renderMonitoring } from './render-instance.ts';

/** Nodes are told nothing: they report every minute in any case. */
export async function setMonitoring(
  app: App,
  context: RequestContext,
  { ids, enabled }: { ids: readonly InstanceId[]; enabled: boolean },
): Promise<InstanceMonitoring[]> {
  const detailedMonitoring = toFlag(enabled);
  return changeFor(app, context, async ({ tx }) => {
    const rows = matchIds(INSTANCE, ids, await findInstances(tx, context.accountId, ids));
    for (const { id } of rows) await updateInstance(tx, id, { detailedMonitoring });
    return rows.map(({ id }) => ({
      InstanceId: id,
      Monitoring: renderMonitoring({ detailedMonitoring }),
    }));
  });
}
