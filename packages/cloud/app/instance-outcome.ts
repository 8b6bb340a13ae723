// Owns what follows when a guest ends by itself or cannot be started.

import type { InstanceObservation } from '@ironbark/protocol/internal/instance-messages.ts';
import { listAttachmentsOf, updateAttachment } from '../store/attachments.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Change } from './change.ts';
import { hasReachedStop } from './instance-view.ts';
import { setPower } from './instances.ts';

export type Outcome =
  | { kind: 'none' }
  /** The guest shut itself down. */
  | { kind: 'shutdown'; desiredPower: 'stopped' | 'terminated' }
  /** The node could not start it, or lost it. */
  | { kind: 'failed'; reason: string };

export type OutcomeFacts = Pick<
  InstanceRow,
  | 'desiredPower'
  | 'powerGeneration'
  | 'observedPower'
  | 'observedGeneration'
  | 'observed'
  | 'shutdownBehavior'
>;

/** An instance that is to run can end unasked, one that is to be stopped only with its node. */
export function planOutcome(instance: OutcomeFacts): Outcome {
  const { desiredPower, observedPower } = instance;
  if (desiredPower === 'terminated') return { kind: 'none' };
  if (desiredPower === 'stopped' && observedPower !== 'terminated') return { kind: 'none' };
  switch (instance.observedPower) {
    case 'stopped':
      if (!hasReachedStop(instance)) return { kind: 'none' };
      return {
        kind: 'shutdown',
        desiredPower: instance.shutdownBehavior === 'stop' ? 'stopped' : 'terminated',
      };
    case 'failed':
      return { kind: 'failed', reason: observedReason(instance, 'The node gave no reason.') };
    case 'terminated':
      return { kind: 'failed', reason: observedReason(instance, GONE) };
    default:
      return { kind: 'none' };
  }
}

const GONE = 'The node no longer has the instance.';

function observedReason(instance: OutcomeFacts, otherwise: string): string {
  return parseObservation(instance)?.reason ?? otherwise;
}

export function parseObservation(
  instance: Pick<InstanceRow, 'observed'>,
): InstanceObservation | undefined {
  return instance.observed === null
    ? undefined
    : (JSON.parse(instance.observed) as InstanceObservation);
}

export async function applyOutcome(
  change: Change,
  instance: InstanceRow,
  outcome: Outcome,
): Promise<void> {
  if (outcome.kind === 'none') return;
  if (outcome.kind === 'failed') {
    if (instance.observedPower === 'terminated') await keepVolumes(change, instance);
    await failInstance(change, instance, 'Server.InternalError', outcome.reason);
    return;
  }
  await setPower(change, instance, outcome.desiredPower, {
    stateReasonCode: 'Client.InstanceInitiatedShutdown',
    stateReasonMessage: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown',
    transitionReason: '',
  });
}

/** Nobody asked for its end, and its volumes are elsewhere, unharmed: they are detached, whatever was to go with it. */
async function keepVolumes({ tx }: Change, { id }: InstanceRow): Promise<void> {
  for (const attachment of await listAttachmentsOf(tx, id)) {
    await updateAttachment(tx, attachment, { deleteOnTermination: 0 });
  }
}

/**
 * A launch that fails ends terminated and gives everything back; an instance that ran before keeps its disk and
 * ends stopped, as in EC2.
 */
export function failInstance(
  change: Change,
  instance: InstanceRow,
  code: string,
  reason: string,
): Promise<void> {
  const hasDisk = hasRun(instance) && instance.observedPower !== 'terminated';
  return setPower(change, instance, hasDisk ? 'stopped' : 'terminated', {
    stateReasonCode: code,
    stateReasonMessage: `${code}: ${reason}`,
    transitionReason: code,
  });
}

function hasRun(instance: InstanceRow): boolean {
  return instance.hasRun === 1;
}
