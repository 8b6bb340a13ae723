// Owns what a user sees of an instance: one pure function of what is desired and what is observed.
//
//   pending -> running -> stopping -> stopped -> pending (start)
//      any of these -> shutting-down -> terminated

import type { InstanceState } from '@ironbark/core/states.ts';
import type { InstanceRow } from '../store/schema.ts';

export interface InstanceView {
  state: InstanceState;
  /** EC2's StateTransitionReason; empty when the newest change has no reason to tell. */
  transitionReason: string;
  stateReason?: { code: string; message: string };
}

export type ViewedInstance = Pick<
  InstanceRow,
  | 'desiredPower'
  | 'powerGeneration'
  | 'nodeId'
  | 'observedPower'
  | 'observedGeneration'
  | 'shutdownBehavior'
  | 'terminatedAt'
  | 'transitionReason'
  | 'stateReasonCode'
  | 'stateReasonMessage'
>;

export function viewInstance(instance: ViewedInstance): InstanceView {
  const state = viewState(instance);
  const { stateReasonCode: code, stateReasonMessage: message } = instance;
  const view: InstanceView = { state, transitionReason: instance.transitionReason };
  if (code !== null) view.stateReason = { code, message: message ?? code };
  else if (state === 'pending') view.stateReason = { code: 'pending', message: 'pending' };
  return view;
}

export function viewState(instance: ViewedInstance): InstanceState {
  switch (instance.desiredPower) {
    case 'terminated':
      return instance.terminatedAt === null ? 'shutting-down' : 'terminated';
    case 'stopped':
      return isStopped(instance) ? 'stopped' : 'stopping';
    case 'running':
      return viewRunning(instance);
  }
}

/** A guest that has shut itself down is on its way out before that is written down as what is desired. */
function viewRunning(instance: ViewedInstance): InstanceState {
  if (instance.observedPower === 'running') return 'running';
  if (!isLeaving(instance)) return 'pending';
  return instance.shutdownBehavior === 'stop' ? 'stopping' : 'shutting-down';
}

/** Of itself: what was seen is not from before a start. */
function isLeaving({ observedPower, observedGeneration, powerGeneration }: ViewedInstance) {
  const isGoingOff = observedPower === 'stopping' || observedPower === 'stopped';
  return isGoingOff && observedGeneration >= powerGeneration;
}

/** An instance that no node ever got is stopped at once. */
function isStopped(instance: ViewedInstance): boolean {
  return instance.nodeId === null || hasReachedStop(instance);
}

/** As of the newest change of its power, and not as from before a start. */
export function hasReachedStop(
  instance: Pick<InstanceRow, 'observedPower' | 'observedGeneration' | 'powerGeneration'>,
): boolean {
  return (
    instance.observedPower === 'stopped' && instance.observedGeneration >= instance.powerGeneration
  );
}
