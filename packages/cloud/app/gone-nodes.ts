// Owns what becomes of instances whose node was removed and whose disks are elsewhere.

import type { InstanceObservation } from '@ironbark/protocol/internal/instance-messages.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Change } from './change.ts';
import { setPower } from './instances.ts';
import { leaveNode, placedOn } from './node-leaving.ts';

/** Its disks are elsewhere, and there is something to keep: it ran, or its user has stopped it. */
export function outlivesNode({
  rootDeviceType,
  desiredPower,
  hasRun,
}: Pick<InstanceRow, 'rootDeviceType' | 'desiredPower' | 'hasRun'>): boolean {
  if (rootDeviceType !== 'ebs' || desiredPower === 'terminated') return false;
  return hasRun === 1 || desiredPower === 'stopped';
}

/**
 * Its node is none of the zone's any more. It is stopped from then on, as EC2's instances are whose host has failed, unless
 * its node was never told to start it: then it waits for another one.
 */
export async function leaveGoneNode(
  change: Change,
  instance: InstanceRow,
  { generation, reason = 'Its node was removed.' }: InstanceObservation,
): Promise<void> {
  await leaveNode(change, instance);
  const nowhere = placedOn(null);
  if (instance.desiredPower !== 'running') return setPower(change, instance, 'stopped', nowhere);
  if (generation < instance.powerGeneration) {
    change.touched.placement = true;
    return setPower(change, instance, 'running', nowhere);
  }
  const code = 'Server.InternalError';
  return setPower(change, instance, 'stopped', {
    ...nowhere,
    stateReasonCode: code,
    stateReasonMessage: `${code}: ${reason}`,
    transitionReason: code,
  });
}
