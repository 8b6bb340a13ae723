// Owns which network interface a call means that names an instance: the only one, for with several nobody could tell.

import type { InstanceId } from '@ironbark/core/ids.ts';
import { listInterfacesOf } from '../store/network-interfaces.ts';
import type { InterfaceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { refuse } from './refusals.ts';

/** Undefined: the instance has ended. */
export async function findSoleInterface(
  tx: Queries,
  id: InstanceId,
): Promise<InterfaceRow | undefined> {
  return requireSole(id, await listInterfacesOf(tx, id));
}

export function requireSole<Item>(id: InstanceId, all: readonly Item[]): Item | undefined {
  if (all.length <= 1) return all[0];
  throw refuse(
    'invalid-combination',
    'instance',
    `There are multiple interfaces attached to instance '${id}'. Please specify an interface ID for the operation instead.`,
  );
}
