// Owns the states that users see and what each allows. The table is AWS's instance life cycle
// (EC2 User Guide, "Instance state change"), read top to bottom.

export type InstanceState =
  | 'pending'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'shutting-down'
  | 'terminated';

/** The numeric codes of EC2's InstanceState. */
export const INSTANCE_STATE_CODES: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

export type InstanceOperation =
  | 'start'
  | 'stop'
  | 'reboot'
  | 'terminate'
  | 'attach-volume'
  | 'modify-stopped';

/** Which operations each state allows. Start on a running instance is a no-op in EC2, so it is allowed. */
export const INSTANCE_ALLOWS: Readonly<Record<InstanceState, readonly InstanceOperation[]>> = {
  pending: ['stop', 'terminate', 'start'],
  running: ['start', 'stop', 'reboot', 'terminate', 'attach-volume'],
  stopping: ['stop', 'terminate'],
  stopped: ['start', 'stop', 'terminate', 'attach-volume', 'modify-stopped'],
  'shutting-down': ['terminate'],
  terminated: ['terminate'],
};

export type VolumeState = 'creating' | 'available' | 'in-use' | 'deleting' | 'deleted' | 'error';
export type AttachmentState = 'attaching' | 'attached' | 'detaching' | 'detached' | 'busy';
export type SnapshotState = 'pending' | 'completed' | 'error';
export type ImageState = 'pending' | 'available' | 'deregistered' | 'failed';
