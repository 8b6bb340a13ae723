// Owns those attributes of an instance that are its only network interface's.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { App } from '../app/app.ts';
import type { Change } from '../app/change.ts';
import { getInstance } from '../app/instances.ts';
import { changeGroups } from '../app/network-interfaces.ts';
import { refuse } from '../app/refusals.ts';
import { GROUP, parseIds } from '../app/resource-ids.ts';
import { findSoleInterface } from '../app/sole-interface.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { touchPorts } from '../app/vpc-changes.ts';
import { updateInterface } from '../store/network-interfaces.ts';
import { type InterfaceRow, toFlag } from '../store/schema.ts';
import type { RequestContext } from './action.ts';

export async function modifyGroups(
  app: App,
  context: RequestContext,
  id: InstanceId,
  groups: readonly string[] | undefined,
): Promise<Record<never, never>> {
  const groupIds = parseIds(GROUP, groups, 'GroupId');
  await changeNetwork(app, context, async (change) => {
    await changeGroups(change, await getInterfaceOf(context, change, id), groupIds);
  });
  return {};
}

export async function modifySourceCheck(
  app: App,
  context: RequestContext,
  id: InstanceId,
  isChecked: boolean,
): Promise<Record<never, never>> {
  await changeNetwork(app, context, async (change) => {
    const row = await getInterfaceOf(context, change, id);
    await updateInterface(change.tx, row.id, { sourceDestCheck: toFlag(isChecked) });
    await touchPorts(change, row.vpcId, [row.id]);
  });
  return {};
}

async function getInterfaceOf(
  context: RequestContext,
  { tx }: Change,
  id: InstanceId,
): Promise<InterfaceRow> {
  await getInstance(tx, context, id);
  const sole = await findSoleInterface(tx, id);
  if (sole !== undefined) return sole;
  throw refuse(
    'incorrect-state',
    'instance',
    `The instance '${id}' has ended: it has no network interface any more.`,
  );
}
